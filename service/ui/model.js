// What the model is: from what it was trained, how good it is and how sure that is, what it weighs.

import { forest, lines } from "./chart.js";
import { add, button, chosen, facts, fill, h, name, names, save, soft, table } from "./dom.js";
import { getJson, request } from "./service.js";
import { between, number, percent, short, signed } from "./text.js";

const UNIT = [0, 0.2, 0.4, 0.6, 0.8, 1];
const MOST = 30;
const NORMAL = 1.96;
/** @type {[string, string][]} */
const FIGURES = [
	["Log-loss", "log_loss"],
	["ROC AUC", "roc_auc"],
	["Average precision", "average_precision"],
	["Accuracy", "accuracy"],
	["Accuracy of the commonest class", "baseline_accuracy"],
	["Brier score", "brier"],
	["Calibration error", "calibration_error"]
];

/** @type {View} */
export async function view(app) {
	const { info } = app;
	const splits = ["test", "validation", "train"].filter(each => info.metrics[each]);
	const all = h("div", about(app), h("h3", "How good it is"), figures(info, splits));
	let evaluation;
	try {
		evaluation = await getJson(app.file("evaluation"));
	} catch (/** @type {any} */ error) {
		// A version of the first format has none.
		if (error.status !== 404) throw error;
		add(all, soft(error.message));
		return all;
	}
	const judged = splits.filter(each => evaluation.splits[each]);
	const classes = Object.keys(evaluation.splits[judged[0]].curves);
	const drawn = h("div");
	let [split, against] = [0, 0];
	const draw = () => fill(drawn, curves(info, evaluation, judged[split], classes[against]));
	draw();
	add(
		all,
		h(
			"p.tools",
			chosen("Rows", judged, place => {
				split = place;
				draw();
			}),
			classes.length > 1 &&
				chosen("Class against the others", classes, place => {
					against = place;
					draw();
				})
		),
		drawn,
		h("h3", "Coefficients"),
		coefficients(info, evaluation.coefficients)
	);
	return all;
}

/** @param {App} app */
function about(app) {
	const { info } = app;
	const { abstain, data, positive } = info;
	const file = app.file("report");
	/** @type {[string, Child][]} */
	const told = [
		["Version", `${info.version}, made ${info.created.slice(0, 16).replace("T", " ")} UTC`],
		["Answers", names(info.classes)],
		[
			"Rule",
			positive === null
				? "the most probable class"
				: [name(positive), ` from a probability of ${number(info.threshold)} on (${info.threshold_rule})`]
		],
		["Abstains", abstain && `from ${between(abstain.low, abstain.high)} (${abstain.rule})`],
		[
			"Learnt from",
			data && [
				name(data.source, 60),
				", target ",
				name(data.target),
				": ",
				Object.entries(data.rows)
					.map(([each, rows]) => `${rows.toLocaleString("en")} ${each}`)
					.join(", "),
				` rows of ${info.inputs.length} inputs`
			]
		]
	];
	return [
		facts(
			"facts",
			told.filter(([, fact]) => fact)
		),
		// A link carries no key.
		app.keyed()
			? button("Download the report", async () => save(`${info.model}-${info.version}.html`, await (await request(file)).blob()))
			: h("a.button", { href: file, target: "_blank", rel: "noreferrer" }, "The report")
	];
}

/** @param {Info} info @param {string[]} splits */
const figures = (info, splits) =>
	table(
		"With 95 % intervals of the test rows",
		["Figure", ...splits, "95 %"],
		FIGURES.map(([title, key]) => {
			const interval = info.metrics.test?.intervals?.[key];
			return [
				title,
				...splits.map(each => number(info.metrics[each][key]?.value ?? info.metrics[each][key])),
				interval && between(interval.low, interval.high, 3)
			];
		})
	);

/** @param {number[]} a @param {number[]} b */
const zip = (a, b) => a.map((each, place) => [each, b[place]]);

/** @param {Info} info @param {any} evaluation @param {string} split @param {string} against */
function curves(info, evaluation, split, against) {
	const own = evaluation.splits[split];
	const curve = own.curves[against];
	const bins = own.reliability;
	const chance = {
		name: "",
		points: [
			[0, 0],
			[1, 1]
		]
	};
	/** @param {string} title */
	const axis = title => ({ name: title, ticks: UNIT });
	return [
		h(
			"div.charts",
			curve
				? [
						lines("ROC: how many are found, for how many false alarms", axis("false positive rate"), axis("true positive rate"), [
							chance,
							{ name: "true positive rate", points: zip(curve.roc.false_positive_rate, curve.roc.true_positive_rate) }
						]),
						lines("Precision and recall", axis("recall"), axis("precision"), [
							{ name: "precision", points: zip(curve.precision_recall.recall, curve.precision_recall.precision) }
						])
					]
				: soft("No curves: these rows are of one class."),
			bins.rows.length > 0 &&
				lines(
					info.positive === null ? "Reliability of the most probable class" : `Reliability of the probability of ${short(info.positive)}`,
					axis("predicted probability"),
					axis("share that came true"),
					[chance, { name: "came true", points: zip(bins.predicted, bins.share), dots: true }],
					soft(`Of ${bins.rows.join(", ")} rows.`)
				)
		),
		h("h3", "Confusion"),
		info.positive !== null && curve
			? confusion(info, info.metrics[split].confusion, curve.sweep, against)
			: square(info.classes, info.metrics[split].confusion)
	];
}

/** @param {string[]} classes @param {Child[][]} counts */
export const square = (classes, counts) =>
	classes.length <= MOST &&
	table(
		"Actual class by row, answer by column",
		["Actual", ...classes.map(each => name(each, 14))],
		classes.map((each, place) => [name(each), ...counts[place]])
	);

/** What two classes' answers are at a threshold that one can move. @param {Info} info @param {number[][]} actual @param {any} sweep @param {string} positive */
function confusion(info, actual, sweep, positive) {
	const { threshold, true_positives, false_positives } = sweep;
	const last = threshold.length - 1;
	const [positives, others] = [true_positives[last], false_positives[last]];
	const own = info.classes.indexOf(positive);
	const served = Math.max(
		0,
		threshold.findLastIndex((/** @type {number} */ each) => each >= info.threshold)
	);
	const box = h("div");
	const slider = h("input", {
		type: "range",
		id: "threshold",
		min: 0,
		max: last,
		value: last - served,
		"aria-label": "Threshold",
		input: draw
	});
	function draw() {
		const at = last - +slider.value;
		const [right, alarms] = at === served ? [actual[own][own], actual[1 - own][own]] : [true_positives[at], false_positives[at]];
		const from = number(at === served ? info.threshold : threshold[at]);
		slider.setAttribute("aria-valuetext", from);
		fill(
			box,
			h(
				"p",
				h("b", `From ${from} on`),
				`${at === served ? ", as served" : ""}: precision ${number(right / (right + alarms))}, recall ${number(right / positives)}, accuracy ${percent((right + others - alarms) / (positives + others))}.`
			),
			square(
				[positive, info.classes[1 - own]],
				[
					[right, positives - right],
					[alarms, others - alarms]
				]
			)
		);
	}
	draw();
	return [h("p", h("label", "Threshold ", slider)), box];
}

/** @param {Info} info @param {any[]} all */
function coefficients(info, all) {
	/** @param {any} each */
	const weight = each => Math.max(...each.value.map(Math.abs));
	const intercept = all.at(-1);
	const columns = all
		.slice(0, -1)
		.sort((a, b) => weight(b) - weight(a))
		.slice(0, MOST);
	const more = all.length - 1 > MOST ? `, the ${MOST} of most weight` : "";
	if (intercept.value.length > 1)
		return table(
			`What a column adds to each class's logit${more}`,
			["Column", ...info.classes.map(each => name(each, 14))],
			[...columns, intercept].map(each => [name(each.column), ...each.value.map((/** @type {number} */ value) => signed(value))])
		);
	return [
		soft(
			"What a column adds to the logit of ",
			name(info.classes[1]),
			`: a number by each standard deviation, else when it is so. Intercept ${number(intercept.value[0])}.`
		),
		forest(
			`Columns by weight${more}`,
			"logit",
			columns.map(each => ({ name: each.column, value: each.value[0], half: NORMAL * (each.spread?.[0] ?? 0) }))
		)
	];
}

// Why the service answered so: what each input added, from the intercept to the logit.

import { figure, label, scale, WIDTH } from "./chart.js";
import { chosen, fill, h, name, s, soft, table } from "./dom.js";
import { outside } from "./row.js";
import { between, number, percent, short, signed } from "./text.js";
import { explained } from "./try.js";

const MOST = 12;
const FIGURES = 200;
const LINE = 26;

/**
 * The steps from the intercept to the logit, the largest first; the small ones in one, whose place is -1.
 * @param {number[]} added
 * @returns {{ place: number, added: number, of: number }[]}
 */
export function steps(added, most = MOST) {
	const all = added.map((each, place) => ({ place, added: each, of: 1 })).sort((a, b) => Math.abs(b.added) - Math.abs(a.added));
	if (all.length <= most) return all;
	const small = all.splice(most - 1);
	return [...all, { place: -1, added: small.reduce((sum, each) => sum + each.added, 0), of: small.length }];
}

/** @type {View} */
export async function view(app) {
	const [answer] = await explained(app, [app.row]);
	const box = h("div");
	show(app, box, answer, answer.logits.length === 1 ? 0 : answer.label);
	return box;
}

/** @param {Cell} value */
const told = value => (value === null ? "missing" : typeof value === "number" ? number(value, 5) : short(String(value), 20));

/**
 * @param {App} app
 * @param {HTMLElement} box
 * @param {Answer} answer
 * @param {number} which logit
 */
function show(app, box, answer, which) {
	const { classes, inputs } = app.info;
	const two = answer.logits.length === 1;
	const of = () => name(classes[two ? 1 : which]);
	const [intercept, logit, added] = [answer.intercepts[which], answer.logits[which], answer.added[which]];
	const top = steps(added)
		.filter(each => each.place >= 0 && each.added)
		.slice(0, 2);
	fill(
		box,
		h(
			"p",
			"The model says ",
			h("b", name(classes[answer.label])),
			`, with a probability of ${percent(answer.probabilities[answer.label])}.`,
			top.map(({ place, added: most }, index) => [
				index ? ", and " : " Mostly, ",
				name(inputs[place].name),
				` (${told(app.row[place])}) speaks ${most > 0 ? "for " : "against "}`,
				of()
			]),
			top.length > 0 && "."
		),
		!two &&
			h(
				"p",
				chosen(
					"For and against",
					classes,
					place => {
						show(app, box, answer, place);
						box.querySelector("select")?.focus();
					},
					which
				)
			),
		waterfall(app, steps(added), intercept, logit, of(), () =>
			table(
				"What each input adds",
				["Input", "Value", "Adds", "Training saw"],
				[
					...steps(added, added.length).map(each => {
						const input = inputs[each.place];
						const saw = input.kind === "numeric" ? between(input.reference.min, input.reference.max) : "";
						return [
							name(input.name),
							told(app.row[each.place]),
							signed(each.added, 5),
							outside(input, app.row[each.place]) ? h("b", saw, ": outside") : saw
						];
					}),
					["Intercept", "", signed(intercept, 5), ""],
					["Logit", "", signed(logit, 6), ""]
				]
			)
		),
		soft(
			`Intercept and inputs add up to the logit, ${number(logit, 6)}`,
			two ? [`: a probability of ${percent(answer.probabilities[1])} of `, of(), "."] : ". The largest logit is the answer's."
		)
	);
}

/**
 * @param {App} app
 * @param {ReturnType<typeof steps>} parts
 * @param {number} intercept
 * @param {number} logit
 * @param {Node} of
 * @param {() => Element} numbers
 */
function waterfall(app, parts, intercept, logit, of, numbers) {
	let at = intercept;
	/** @type {[string, string, number, number, string][]} title, what is said, from, to, kind */
	const bars = [["Intercept", number(intercept), 0, at, "whole"]];
	for (const { place, added, of: many } of parts) {
		const input = app.info.inputs[place];
		const far = input && outside(input, app.row[place]) ? "⚠ " : "";
		bars.push([input ? far + short(input.name, 18) : `${many} others`, signed(added), at, at + added, added < 0 ? "less" : "more"]);
		at += added;
	}
	bars.push(["Logit", number(logit), 0, logit, "whole"]);
	const ends = [0, ...bars.map(bar => bar[3])];
	const low = Math.min(...ends);
	const x = scale([low, Math.max(...ends) || low + 1], FIGURES + 10, WIDTH - 5);
	const drawn = bars.map(([title, text, from, to, kind], place) => {
		const y = place * LINE + 4;
		return s(
			"g",
			label(title, FIGURES - 68, y + 15, { class: kind === "whole" && "strong" }),
			label(text, FIGURES, y + 15),
			s(`rect.${kind}`, { x: Math.min(x(from), x(to)), y, width: Math.max(Math.abs(x(to) - x(from)), 1), height: LINE - 6 }),
			place < bars.length - 1 && s("path.axis", { d: `M${x(to)} ${y + LINE - 6}v6` })
		);
	});
	const height = bars.length * LINE + 8;
	return figure(
		["From the intercept to the logit of ", of, h("span.soft", " (right is for it; ⚠ outside of training)")],
		[s("path.axis", { d: `M${x(0)} 0V${height}` }), drawn],
		height,
		numbers
	);
}

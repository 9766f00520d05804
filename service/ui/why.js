// Why the service answered so: what each input added, from the intercept to the logit.

import { choice, fill, folded, h, name, s, soft, table } from "./dom.js";
import { outside } from "./row.js";
import { number, percent, short, signed } from "./text.js";
import { explained } from "./try.js";

const MOST = 12;
const WIDTH = 480;
const FIGURES = 220;
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
	const box = h("div", {});
	show(app, box, answer, answer.logits.length === 1 ? 0 : answer.label);
	return box;
}

/** @param {Cell} value */
const told = value => (value === null ? "missing" : typeof value === "number" ? number(value, 5) : short(String(value), 20));

/**
 * @param {App} app
 * @param {HTMLElement} box
 * @param {Answer} answer
 * @param {number} chosen which logit
 */
function show(app, box, answer, chosen) {
	const { classes, inputs } = app.info;
	const two = answer.logits.length === 1;
	const of = name(classes[two ? 1 : chosen]);
	const [intercept, logit, added] = [answer.intercepts[chosen], answer.logits[chosen], answer.added[chosen]];
	const top = steps(added)
		.filter(each => each.place >= 0 && each.added)
		.slice(0, 2);
	fill(
		box,
		h(
			"p",
			{},
			"The model says ",
			h("b", {}, name(classes[answer.label])),
			`, with a probability of ${percent(answer.probabilities[answer.label])}.`,
			top.map(({ place, added: most }, index) => [
				index ? ", and " : " Mostly, ",
				name(inputs[place].name),
				` (${told(app.row[place])}) speaks ${most > 0 ? "for " : "against "}`,
				of.cloneNode(true)
			]),
			top.length > 0 && "."
		),
		!two &&
			h(
				"p",
				{},
				h(
					"label",
					{},
					"For and against ",
					choice(
						classes.map(each => short(each)),
						place => {
							show(app, box, answer, place);
							box.querySelector("select")?.focus();
						},
						chosen
					)
				)
			),
		waterfall(app, steps(added), intercept, logit, of),
		soft(
			`Intercept and inputs add up to the logit, ${number(logit, 6)}`,
			two ? [`: a probability of ${percent(answer.probabilities[1])} of `, of.cloneNode(true), "."] : ". The largest logit is the answer's."
		),
		folded(
			"All inputs as a table",
			table(
				"What each input adds",
				["Input", "Value", "Adds", "Training saw"],
				[
					...steps(added, added.length).map(each => {
						const input = inputs[each.place];
						const saw = input.kind === "numeric" ? `${number(input.reference.min)} to ${number(input.reference.max)}` : "";
						return [
							name(input.name),
							told(app.row[each.place]),
							signed(each.added, 5),
							outside(input, app.row[each.place]) ? h("b", {}, saw, ": outside") : saw
						];
					}),
					["Intercept", "", signed(intercept, 5), ""],
					["Logit", "", signed(logit, 6), ""]
				]
			)
		)
	);
}

/**
 * @param {App} app
 * @param {ReturnType<typeof steps>} parts
 * @param {number} intercept
 * @param {number} logit
 * @param {Node} of
 */
function waterfall(app, parts, intercept, logit, of) {
	let at = intercept;
	const bars = [{ title: "Intercept", text: number(intercept), from: 0, to: at, kind: "whole" }];
	for (const { place, added, of: many } of parts) {
		const input = app.info.inputs[place];
		const far = input && outside(input, app.row[place]) ? "⚠ " : "";
		bars.push({
			title: input ? far + short(input.name, 20) : `${many} others`,
			text: signed(added),
			from: at,
			to: at + added,
			kind: added < 0 ? "less" : "more"
		});
		at += added;
	}
	bars.push({ title: "Logit", text: number(logit), from: 0, to: logit, kind: "whole" });
	const ends = bars.map(bar => bar.to);
	const low = Math.min(0, ...ends);
	const span = Math.max(0, ...ends) - low || 1;
	const x = (/** @type {number} */ value) => FIGURES + 10 + ((value - low) / span) * (WIDTH - FIGURES - 15);
	const drawn = bars.map(({ title, text, from, to, kind }, place) => {
		const y = place * LINE + 4;
		return s(
			"g",
			{},
			s("text", { x: FIGURES - 72, y: y + 15, class: kind === "whole" ? "strong" : "" }, title),
			s("text", { x: FIGURES, y: y + 15 }, text),
			s("rect", { class: kind, x: Math.min(x(from), x(to)), y, width: Math.max(Math.abs(x(to) - x(from)), 1), height: LINE - 6 }),
			place < bars.length - 1 && s("path", { class: "axis", d: `M${x(to)} ${y + LINE - 6}v6` })
		);
	});
	const height = bars.length * LINE + 8;
	const says = `From ${number(intercept)} in ${parts.length} steps to ${number(logit)}; the table has each.`;
	return h(
		"figure",
		{ class: "chart" },
		h(
			"figcaption",
			{},
			"From the intercept to the logit of ",
			of,
			h("span", { class: "soft" }, " (right is for it; ⚠ outside of training)")
		),
		s(
			"svg",
			{ viewBox: `0 0 ${WIDTH} ${height}`, role: "img", class: "waterfall", "aria-label": says },
			s("path", { class: "axis", d: `M${x(0)} 0V${height}` }),
			drawn
		)
	);
}

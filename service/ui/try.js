// One row: a form by the inputs' kinds, the service's answer as it changes, and where it would change.

import * as csv from "./csv.js";
import { bars, button, choice, copying, facts, fill, folded, h, name, soft } from "./dom.js";
import { candidates, crossing, STEPS, slopes } from "./flip.js";
import { byName, CODE, cell, outside, pasted, rounded } from "./row.js";
import { absolute, paced, postJson, refused, ServiceError } from "./service.js";
import { between, float32, number, percent, visible } from "./text.js";

const STILL_MS = 150;
/** Numbers in one request for flip values: of a wide model only the inputs of most weight have one. */
const MOST_NUMBERS = 60_000;
const MOST_CLASSES = 6;

/**
 * Answers that are explained, in the inputs' order.
 * @param {App} app
 * @param {Cell[][]} rows
 * @returns {Promise<Answer[]>}
 */
export async function explained(app, rows) {
	const { inputs, classes } = app.info;
	const { predictions, version } = await postJson(app.path("predict"), { instances: rows, explain: true });
	// Another version answers now: the shell looks what it takes.
	if (version !== app.info.version) {
		app.follow();
		throw new ServiceError(`Version ${version} answers now.`, 1);
	}
	return predictions.map((/** @type {any} */ each) => {
		const parts = classes.length === 2 ? [each.explanation] : classes.map(name => each.explanation[name]);
		return {
			...each,
			version,
			label: classes.indexOf(each.label),
			probabilities: classes.map(name => each.probabilities[name]),
			intercepts: parts.map(part => part.intercept),
			logits: parts.map(part => part.logit),
			added: parts.map(part => inputs.map(input => part.contributions[input.name]))
		};
	});
}

/**
 * At which value of each number the label changes, as the service itself says.
 * @param {App} app
 * @param {Answer} answer to the app's row
 */
async function flips(app, answer) {
	const { row } = app;
	const { inputs, classes, positive, threshold } = app.info;
	const ends = [0, 1].map(end =>
		inputs.map((input, place) => {
			if (input.kind !== "numeric") return row[place];
			const { min, max } = input.reference;
			return end ? (max > min ? max : min + 1 + Math.abs(min)) : min;
		})
	);
	const [low, high] = await explained(app, ends);
	const lines = slopes(low.added, high.added, ends[0].map(Number), ends[1].map(Number));
	const rule = { positive: positive === null ? classes.length - 1 : classes.indexOf(positive), threshold };
	const borders = inputs.map((input, place) => {
		if (input.kind !== "numeric") return null;
		const own = answer.added.map(logit => logit[place]);
		const now = typeof row[place] === "number" ? row[place] : Number.NaN;
		const border = crossing(answer.logits, own, lines[place], answer.label, now, rule);
		const reach = Math.abs(lines[place].slope[0]) * (input.reference.max - input.reference.min);
		return border && { place, reach, side: border.side, values: candidates(border).filter(Number.isFinite) };
	});
	const asked = borders
		.filter(each => !!each)
		.sort((a, b) => b.reach - a.reach)
		.slice(0, MOST_NUMBERS / STEPS.length / inputs.length);
	const rows = asked.flatMap(({ place, values }) => values.map(value => row.with(place, +float32(value))));
	/** @type {(Flip | null | undefined)[]} undefined of those that are not asked */
	const flipped = borders.map(each => each && undefined);
	if (!rows.length) return flipped;
	const { predictions } = await postJson(app.path("predict"), { instances: rows, on_error: "report" });
	for (const { place, side, values } of asked) {
		const labels = predictions.splice(0, values.length).map((/** @type {any} */ each) => classes.indexOf(each.label));
		const first = labels.findIndex((/** @type {number} */ label) => label >= 0 && label !== answer.label);
		flipped[place] = first < 0 ? null : { value: values[first], side, label: labels[first] };
	}
	return flipped;
}

/** @type {View} */
export function view(app, signal) {
	const { classes, inputs, positive, threshold } = app.info;
	const box = h("section.answer", { "aria-label": "Answer", "aria-live": "polite" });
	const form = h("div.fields");
	/** @type {Field[]} */
	let fields = [];
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let still;

	const score = paced(async () => {
		const row = [...app.row];
		try {
			const [answer] = await explained(app, [row]);
			if (signal.aborted) return;
			app.say(null);
			for (const field of fields) field.wrong("");
			show(answer);
			clearTimeout(still);
			still = setTimeout(async () => {
				// What the service refuses is no answer, and leaves the flip values open.
				const found = await flips(app, answer).catch(refused);
				if (!signal.aborted && row.every((each, place) => each === app.row[place]))
					fields.forEach((field, place) => field.flip(found[place]));
			}, STILL_MS);
		} catch (error) {
			if (!(error instanceof ServiceError)) throw error;
			if (signal.aborted) return;
			if (error.passes) return app.say(error, score);
			app.say(null);
			const why = new Map(error.details.map(each => [each.input, each.reason]));
			fields.forEach((field, place) => field.wrong(why.get(inputs[place].name) ?? ""));
			app.follow();
			fill(box, h("p.label", "No answer"), h("p.wrong", error.message));
		}
	});

	/** @param {Answer} answer */
	const show = ({ decision, label, probabilities, version }) => {
		const order = classes.map((_, place) => place);
		if (classes.length > 2) order.sort((a, b) => probabilities[b] - probabilities[a]);
		/** @param {number[]} places */
		const told = places =>
			facts(
				"bars",
				places.map(place => [
					name(classes[place], 24),
					[bars([place === label ? "own" : "other", probabilities[place]]), percent(probabilities[place])]
				])
			);
		fill(
			box,
			soft(`Version ${version} answers`),
			h("p.label", name(classes[label], 60)),
			decision === "abstain" && h("p", "It abstains: the probability is too close to call."),
			told(order.slice(0, MOST_CLASSES)),
			order.length > MOST_CLASSES && folded(`${order.length - MOST_CLASSES} more classes`, told(order.slice(MOST_CLASSES))),
			soft(positive === null ? "The most probable class." : [name(positive), ` from a probability of ${number(threshold)} on.`])
		);
	};

	const changed = () => {
		for (const field of fields) field.flip(undefined);
		app.remember();
		score();
	};
	/** @param {Cell[]} row */
	const take = row => {
		app.row = row;
		fields = inputs.map((input, place) =>
			field(app, input, place, value => {
				app.row[place] = value;
				changed();
			})
		);
		fill(
			form,
			fields.map(each => each.element)
		);
		changed();
	};
	const said = h("p.wrong", { role: "alert" });
	const area = h("textarea", { id: "pasted", rows: 4, spellcheck: "false" });
	const paste = () => {
		try {
			take(pasted(area.value, inputs, csv.lines));
			said.textContent = "";
		} catch (error) {
			said.textContent = /** @type {Error} */ (error).message;
		}
	};
	const copies = Object.entries(CODE).map(([language, write]) =>
		copying(`Copy as ${language}`, () =>
			write(absolute(app.path("predict")), { instances: [byName(inputs, app.row)], explain: true }, app.keyed())
		)
	);
	take(app.row);
	return h(
		"div.two",
		h(
			"div",
			form,
			h(
				"p",
				button("The usual row", () => take(app.example()))
			),
			folded(
				"Paste a row",
				h("label", { for: "pasted" }, "JSON, or CSV with or without a line of names"),
				area,
				said,
				button("Take it", paste)
			)
		),
		h(
			"div.aside",
			box,
			h(
				"p.tools",
				h("a.button", { href: "#why", "data-part": "why" }, "Why?"),
				copies,
				copying("Copy a link", () => absolute(app.hash("try")))
			)
		)
	);
}

/**
 * One input's part of the form.
 * @param {App} app
 * @param {Input} input
 * @param {number} place
 * @param {(value: Cell) => void} change
 * @returns {Field}
 */
function field(app, input, place, change) {
	const id = `input-${place}`;
	const own = { id, autocomplete: "off", "aria-describedby": `${id}-note ${id}-wrong` };
	const wrong = h("p.wrong", { id: `${id}-wrong` });
	const note = h("p.note", { id: `${id}-note` });
	const now = app.row[place];
	const gap = h("input", { type: "checkbox", checked: now === null });
	/** @type {Element[]} */
	let controls;
	/** @type {() => Cell} */
	let read;
	const tell = () => {
		const value = read();
		gap.checked = value === null;
		change(value);
	};
	const typed = () => {
		gap.checked = false;
		tell();
	};
	if (input.kind === "numeric") {
		const { min, max, mean } = input.reference;
		const range = between(min, max);
		const text = h("input", {
			...own,
			inputmode: "decimal",
			value: String(now ?? ""),
			input() {
				slider.value = String(read() ?? mean);
				typed();
			}
		});
		const slider = h("input", {
			type: "range",
			min,
			max,
			step: "any",
			value: String(now ?? mean),
			title: range,
			"aria-label": `${visible(input.name)}, ${range}`,
			input() {
				text.value = String(rounded(+slider.value, input.reference));
				typed();
			}
		});
		read = () => cell(input, text.value, { comma: !text.value.includes(".") });
		gap.addEventListener("input", () => {
			text.value = gap.checked ? "" : slider.value;
		});
		controls = [text, slider];
	} else {
		const two = input.kind === "boolean";
		/** @type {Cell[]} */
		const known = two ? [false, true] : [...input.categories, ...input.rare];
		const index = now === null ? 0 : known.indexOf(now);
		const strange = index < 0;
		const select = choice(two ? known : [...known, "another…"], typed, strange ? known.length : index, own);
		const other = h("input", { "aria-label": `Other ${visible(input.name)}`, value: strange && String(now), input: typed });
		read = () => {
			other.hidden = +select.value < known.length;
			return gap.checked ? null : other.hidden ? known[+select.value] : cell(input, other.value);
		};
		read();
		controls = [select, other];
	}
	gap.addEventListener("input", tell);
	return {
		element: h(
			"div.field",
			h("label", { for: id }, name(input.name, 40), input.unit && ` (${visible(input.unit)})`),
			h("div.controls", controls, input.missing.admitted && h("label.gap", gap, "missing")),
			note,
			wrong
		),
		wrong(reason) {
			wrong.textContent = reason;
		},
		flip(found) {
			note.classList.toggle("old", found === undefined);
			if (found === undefined || input.kind !== "numeric") return;
			const far = outside(input, app.row[place]) && "Outside of what training saw. ";
			if (found)
				fill(
					note,
					far,
					name(app.info.classes[found.label], 24),
					" from ",
					h("b.flip", float32(found.value)),
					found.side > 0 ? " up" : " down",
					outside(input, found.value) && ", outside of training"
				);
			else fill(note, far, "No value of it alone changes the label.");
		}
	};
}

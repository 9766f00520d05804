// What came in during the last hour, beside what the model learnt from; the worst columns first.

import { bars, facts, fill, folded, h, name, names, soft } from "./dom.js";
import { square } from "./model.js";
import { getJson, watch } from "./service.js";
import { counted, number, percent, visible } from "./text.js";

const EVERY_MS = 10_000;
/** As the service judges: no column drifts with fewer rows, or a smaller PSI. */
const LEAST_ROWS = 1000;
const LEAST_PSI = 0.1;
/** Columns that are seen at once. */
const MOST = 6;
/** Bins that are no values; a category that is called so comes in quotes. */
const WORDS = new Map([
	["below", "below training's range"],
	["above", "above training's range"],
	["unseen", "not seen in training"]
]);

/**
 * The bins that passed their own bound: those with more rows than training, and those with fewer.
 * @param {DriftBin[]} bins
 */
export const beyond = bins =>
	[true, false].map(more =>
		bins.filter(each => each.beyond && each.share > (each.reference ?? 0) === more).map(({ bin }) => WORDS.get(bin) ?? bin)
	);

/**
 * What a column's PSI says.
 * @param {DriftColumn} column
 * @param {number} rows
 */
export const verdict = ({ psi, bound, drifted }, rows) =>
	psi === null || bound === null
		? "No PSI: training has too little to compare with."
		: `PSI ${number(psi, 2)}, bound ${number(Math.max(bound, LEAST_PSI), 2)}: ` +
			(rows < LEAST_ROWS ? "not judged." : drifted ? "drifted." : "not drifted.");

/** @param {DriftColumn} column */
const title = ({ kind, column }) => (kind === "score" ? "Probability of " : "") + column;

/** @param {DriftColumn} column @param {number} rows */
function histogram(column, rows) {
	const { bins, unit } = column;
	const most = Math.max(...bins.flatMap(({ share, reference }) => [share, reference ?? 0])) || 1;
	const [more, fewer] = beyond(bins);
	return h(
		"section",
		h("h3", name(title(column), 60), unit && ` (${visible(unit)})`),
		h(
			"p",
			verdict(column, rows),
			more.length > 0 && h("b", " More rows than in training: ", names(more), "."),
			fewer.length > 0 && h("b", " Fewer rows than in training: ", names(fewer), ".")
		),
		facts(
			"bars",
			bins.map(({ bin, beyond, reference, share }) => [
				[beyond && "⚠ ", name(bin)],
				[
					bars(["own", share / most], ["other", (reference ?? 0) / most]),
					percent(share) + (reference === null ? "" : `, was ${percent(reference)}`)
				]
			])
		)
	);
}

/** @type {View} */
export function view(app, signal) {
	const { classes, model, version } = app.info;
	const [said, first, rest] = [h("div"), h("div.charts"), h("div.charts")];
	const more = folded("The other columns", rest);
	more.hidden = true;

	/** @param {Drift} found */
	const show = ({ columns, expected, rows, window_s }) => {
		const strange = columns.filter(each => each.drifted || each.bins.some(bin => bin.beyond)).map(title);
		const seen = rows ? columns.map(each => histogram(each, rows)) : [];
		// A person who reads the table there keeps it.
		if (!said.contains(document.activeElement))
			fill(
				said,
				h(
					"p",
					`${rows ? counted(rows, "row") : "No row"} of version ${version} in the last ${window_s / 60} minutes, at this instance alone. `,
					rows > 0 &&
						(rows < LEAST_ROWS
							? `Nothing is judged below ${counted(LEAST_ROWS, "row")}.`
							: h("b", strange.length ? ["Unlike training: ", names(strange)] : "Nothing is unlike training", "."))
				),
				rows > 0 && [
					h(
						"p",
						`If the probabilities are right, expect a log-loss of ${number(expected.log_loss)} and a Brier score of ${number(expected.brier)}.`
					),
					square(
						classes,
						classes.map(actual => classes.map(answer => percent(expected.confusion[answer][actual])))
					),
					soft("Upper bars: these rows. Lower bars, and “was”: training. The worst columns are first.")
				]
			);
		fill(first, seen.slice(0, MOST));
		fill(rest, seen.slice(MOST));
		more.hidden = seen.length <= MOST;
	};

	watch(app, signal, EVERY_MS, async () => {
		try {
			show(await getJson(`models/${encodeURIComponent(model)}/drift?${new URLSearchParams({ version })}`, signal));
		} catch (/** @type {any} */ error) {
			if (error.status !== 404) throw error;
			// Turned off, or another version answers now.
			fill(said, soft(error.message));
			fill(first);
			more.hidden = true;
			app.follow();
		}
	});
	return [said, first, more];
}

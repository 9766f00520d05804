// A file of rows: matched by name, sent in chunks, answered as CSV; judged where it has the target.

import { decimalComma, delimiter, encoding, GAPS, match, Reader, written } from "./csv.js";
import { add, button, fill, h, name, names, save, soft, table } from "./dom.js";
import { square } from "./model.js";
import { cell } from "./row.js";
import { postJson, wait } from "./service.js";
import { counted, number, percent, visible } from "./text.js";

const CHUNK_ROWS = 1000;
const CHUNK_CELLS = 60_000;
const PIECE_BYTES = 1 << 18;
const MOST_PROBLEMS = 100;

/** @type {View} */
export function view(app, signal) {
	const choose = h("input.unseen", {
		type: "file",
		id: "file",
		change() {
			start(choose.files);
			choose.value = ""; // the same file may be chosen again
		}
	});
	/** @param {DragEvent} event */
	const drag = event => {
		event.preventDefault();
		drop.classList.toggle("over", event.type === "dragover");
		start(event.dataTransfer?.files); // there are none before the drop
	};
	const drop = h(
		"label.drop",
		{ for: "file", dragover: drag, dragleave: drag, drop: drag },
		h("b", "Drop a CSV file here"),
		", or choose one: its columns are matched by name."
	);
	const out = h("div");
	let running = new AbortController();
	/** @param {FileList | null | undefined} files */
	const start = files => {
		if (!files?.length) return;
		running.abort();
		running = new AbortController();
		score(app, files[0], out, running);
	};
	signal.addEventListener("abort", () => running.abort());
	return [choose, drop, out];
}

/**
 * The rows of a file, piece by piece, with how many bytes are read, and the encoding.
 * @param {File} file
 * @returns {AsyncGenerator<[string[][], number, string]>}
 */
async function* read(file) {
	const form = encoding(new Uint8Array(await file.slice(0, PIECE_BYTES).arrayBuffer()));
	const decoder = new TextDecoder(form, { fatal: true });
	/** @type {Reader | undefined} */
	let reader;
	for (let at = 0; at < file.size; ) {
		const bytes = await file.slice(at, at + PIECE_BYTES).arrayBuffer();
		at += bytes.byteLength;
		const text = decoder.decode(bytes, { stream: at < file.size });
		reader ??= new Reader(delimiter(text));
		yield [reader.feed(text, at >= file.size), at, form];
	}
}

/**
 * @param {App} app
 * @param {File} file
 * @param {HTMLElement} out
 * @param {AbortController} running
 */
async function score(app, file, out, running) {
	const { abstain, classes, data, inputs, left_out } = app.info;
	const { signal } = running;
	const bar = h("progress", { max: file.size || 1, value: 0, "aria-label": "File" });
	const said = h("p", { role: "status" }, "Reading");
	const [about, result] = [h("div"), h("div")];
	const tools = h(
		"p.tools",
		bar,
		button("Stop", () => running.abort())
	);
	fill(out, h("h3", name(file.name, 60)), about, tools, said, result);

	/** @type {string[]} */
	const parts = [];
	/** @type {[number, string][]} */
	const problems = [];
	const confusion = classes.map(() => classes.map(() => 0));
	const labels = classes.map(() => 0);
	const most = Math.ceil(Math.min(CHUNK_ROWS, CHUNK_CELLS / inputs.length));
	const decided = abstain ? ["decision"] : [];
	let [rows, wrong, judged, right, strange, loss, target] = [0, 0, 0, 0, 0, 0, -1];
	/** @type {string[] | undefined} */
	let head;
	let places = /** @type {number[]} */ ([]);
	let comma = false;
	let waiting = /** @type {string[][]} */ ([]);

	/** Throws what makes the whole file unfit. @param {string[]} columns @param {string[][]} first @param {string} form */
	const begin = (columns, first, form) => {
		head = columns.map((each, place) => (place ? each : each.replace(/^\ufeff/, "")));
		const found = match(head, inputs);
		if (found.missing.length) throw unfit(["Of the model's columns the file lacks ", names(found.missing), ". It has ", names(head), "."]);
		if (found.twice.length) throw unfit(["More than one column of the file is called ", names(found.twice), "."]);
		places = found.places;
		comma = decimalComma(first.flat());
		target = head.findIndex(each => each.trim() === data?.target);
		const known = [data?.target, "", ...left_out.map(each => each.column)];
		const extra = found.extra.filter(each => !known.includes(each.trim()));
		fill(
			about,
			soft(
				`${counted(head.length, "column")} in ${form}${comma ? " with a decimal comma" : ""}. `,
				extra.length > 0 && ["Not inputs: ", names(extra), "."]
			)
		);
		parts.push("\ufeff", line([...head, "predicted_label", ...decided, ...classes.map(each => `probability ${each}`), "error"]));
	};

	/** @param {string[][]} lines */
	const answer = async lines => {
		const width = head?.length ?? 0;
		const instances = lines.map(each => inputs.map((input, place) => cell(input, each[places[place]] ?? "", { comma, gaps: GAPS })));
		const { predictions } = await patient(app, { instances, on_error: "report" }, signal, said);
		parts.push(
			lines
				.map((each, place) => {
					const found = predictions[place];
					const cells = [...each.slice(0, width), ...each.slice(width).filter(more => more !== "")];
					const reason = cells.length === width ? found.reason : `${cells.length} cells for ${width} columns`;
					rows++;
					cells.length = width;
					if (reason) {
						wrong++;
						if (problems.length < MOST_PROBLEMS) problems.push([rows, reason]);
						return line([...cells, ...Array(1 + decided.length + classes.length), reason]);
					}
					const probabilities = classes.map(label => found.probabilities[label]);
					const label = classes.indexOf(found.label);
					labels[label]++;
					if (target >= 0) judge(each[target], label, probabilities);
					return line([...cells, found.label, ...decided.map(() => found.decision), ...probabilities, ""]);
				})
				.join("")
		);
	};

	/** @param {string} actual @param {number} label @param {number[]} probabilities */
	const judge = (actual, label, probabilities) => {
		const exact = classes.indexOf(actual);
		const place = exact < 0 ? classes.findIndex(each => each.trim() === actual.trim()) : exact;
		if (place < 0) {
			strange++;
			return;
		}
		judged++;
		if (place === label) right++;
		loss -= Math.log(Math.max(probabilities[place], 1e-38));
		confusion[place][label]++;
	};

	const tell = (/** @type {number} */ done, end = "") => {
		bar.value = done;
		said.textContent = `${counted(rows, "row")} answered, ${wrong || "none"} of them wrong${end}`;
	};

	try {
		for await (const [lines, done, form] of read(file)) {
			if (!head && lines.length) begin(lines.shift() ?? [], lines.slice(0, CHUNK_ROWS), form);
			waiting = waiting.concat(lines);
			while (waiting.length >= most || (done === file.size && waiting.length)) {
				await answer(waiting.slice(0, most));
				waiting = waiting.slice(most);
				tell(done);
			}
		}
		if (rows) tell(file.size, ".");
		else said.textContent = "There is no row in this file.";
	} catch (/** @type {any} */ error) {
		if (signal.aborted) tell(bar.value, ". Stopped.");
		else {
			said.textContent = "";
			fill(result, h("p.wrong", error.parts ?? error.message));
		}
	}
	tools.remove();
	if (!rows) return;
	add(
		result,
		button(
			"Download the answers",
			() => save(`${file.name.replace(/\.\w+$/, "")}-answers.csv`, new Blob(parts, { type: "text/csv" })),
			"main"
		),
		table(
			"Labels",
			["Label", "Rows", "Share"],
			classes.map((each, place) => [name(each), labels[place], percent(labels[place] / (rows - wrong || 1))])
		),
		target >= 0 && [
			h("h3", "Beside the target of the file"),
			h(
				"p",
				`Right: ${judged ? percent(right / judged) : "none"} of ${counted(judged, "row")}. Log-loss: ${number(loss / judged)}.`,
				strange > 0 && ` ${counted(strange, "row")} of no class that the model knows are left out.`
			),
			judged > 0 && square(classes, confusion)
		],
		problems.length > 0 &&
			table(
				`What is wrong with ${counted(problems.length, "row")} of ${wrong}`,
				["Row", "Why"],
				problems.map(([row, reason]) => [String(row), visible(reason)])
			)
	);
}

/** @param {unknown[]} cells */
const line = cells => `${cells.map(written).join(",")}\r\n`;

/**
 * What makes a file one that cannot be answered at all.
 * @param {Child[]} parts
 */
const unfit = parts => Object.assign(new Error(), { parts });

/**
 * Ask, and ask again while the service drains, restarts or has too much to do.
 * @param {App} app
 * @param {unknown} body
 * @param {AbortSignal} signal
 * @param {HTMLElement} said
 */
async function patient(app, body, signal, said) {
	while (true) {
		try {
			return await postJson(app.file("predict"), body, signal);
		} catch (/** @type {any} */ error) {
			if (!error.passes) throw error;
			said.textContent = `${error.message} This goes on when it is back.`;
			await wait(error.retryAfter * 1000);
			signal.throwIfAborted();
		}
	}
}

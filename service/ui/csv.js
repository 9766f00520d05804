// CSV in and out, as people have it: any delimiter, quotes, a decimal comma, Excel's mark. Pure.

/** What stands for a missing value in files, beside nothing; as training reads them. */
export const GAPS = new Set("na n/a nan null none ? -".split(" "));

/**
 * The delimiter of a text, by its first line; within quotes nothing counts.
 * @param {string} text
 */
export function delimiter(text) {
	const [line] = text.replace(/"[^"]*"/g, "").split(/[\r\n]/, 1);
	/** @param {string} each */
	const often = each => line.split(each).length;
	return [";", "\t", "|", ","].reduce((best, each) => (often(each) > often(best) ? each : best));
}

/** Rows of a CSV file that comes in pieces (RFC 4180); blank lines are none. */
export class Reader {
	/** @param {string} by the delimiter */
	constructor(by) {
		this.cell = new RegExp(`("(?:[^"]|"")*"(?!")|)([^${by}\\r\\n]*)(${by === "|" ? "\\|" : by}|\\r\\n?|\\n|$)`, "y");
		this.rest = "";
	}

	/**
	 * Take a piece; return the rows that are whole now. The last one may end without an end of line.
	 * @param {string} piece
	 * @returns {string[][]}
	 */
	feed(piece, last = false) {
		const text = this.rest + piece;
		const rows = [];
		let row = [];
		let start = 0;
		const { cell } = this;
		cell.lastIndex = 0;
		while (cell.lastIndex < text.length) {
			const [, quoted, bare, end] = /** @type {RegExpExecArray} */ (cell.exec(text));
			const open = !quoted && bare[0] === '"';
			// A quote, or the end of a line, may go on in the next piece.
			if (!last && (open || (cell.lastIndex === text.length && end !== "\n"))) break;
			if (open) throw new Error(`A quote does not end: ${text.slice(start, start + 60)}`);
			row.push(quoted.slice(1, -1).replaceAll('""', '"') + bare);
			if (/[\r\n]/.test(end) || !end) {
				if (row.length > 1 || row[0]) rows.push(row);
				row = [];
				start = cell.lastIndex;
			}
		}
		if (last && row.length) rows.push([...row, ""]);
		this.rest = text.slice(start);
		return rows;
	}
}

/** The rows of a whole text. @param {string} text */
export const lines = text => new Reader(delimiter(text)).feed(text, true);

/**
 * A cell of a file that a person opens: what a spreadsheet would take for a formula gets a quote before it.
 * @param {unknown} value
 */
export function written(value) {
	const text = String(value ?? "");
	const safe = /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.,]+(e[+-]?\d+)?$/i.test(text) ? `'${text}` : text;
	return /[",;|\s]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * How a file's bytes are text: by its mark, as UTF-8 if they are, else as Windows writes it.
 * @param {Uint8Array} bytes the first of the file
 */
export function encoding(bytes) {
	const mark = bytes[0] * 256 + bytes[1];
	if (mark === 0xfffe) return "utf-16le";
	if (mark === 0xfeff) return "utf-16be";
	try {
		new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
		return "utf-8";
	} catch {
		return "windows-1252";
	}
}

/** Whether the numbers of these cells have a comma for a point. @param {string[]} cells */
export const decimalComma = cells =>
	cells.some(each => /^\s*[+-]?\d+,\d+\s*$/.test(each)) && !cells.some(each => /^\s*[+-]?\d*\.\d+\s*$/.test(each));

/**
 * Where the model's columns are in a file: by their names, or by these without blanks around where that is clear.
 * @param {string[]} head
 * @param {{ name: string }[]} inputs
 * @returns {{ places: number[], missing: string[], twice: string[], extra: string[] }}
 */
export function match(head, inputs) {
	const names = inputs.map(each => each.name);
	const trimmed = head.map(each => each.trim());
	const places = names.map(each =>
		head.includes(each) ? head.indexOf(each) : names.includes(each.trim()) && each !== each.trim() ? -1 : trimmed.indexOf(each.trim())
	);
	return {
		places,
		missing: names.filter((_, place) => places[place] < 0),
		twice: names.filter(each => head.indexOf(each) !== head.lastIndexOf(each)),
		extra: head.filter((_, place) => !places.includes(place))
	};
}

// Charts in SVG: axes with units, a title, a text alternative, and the numbers as a table behind a toggle.

import { h, lazily, s, soft, table } from "./dom.js";
import { number, short } from "./text.js";

export const WIDTH = 400;
const HEIGHT = 260;
const LEFT = 58;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 40;
/** Lines are told apart by more than colour; the style sheet draws them so. */
const LEGEND = ["━━", "╍╍"];
const MOST_ROWS = 200;

/**
 * Round values that enclose 0 and others, about five of them.
 * @param {number[]} values
 * @returns {number[]}
 */
function ticks(values) {
	const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
	const span = high - low || 1;
	const power = 10 ** Math.floor(Math.log10(span / 4));
	const step = power * ([1, 2, 5].find(each => span / (each * power) <= 5) ?? 10);
	const first = Math.floor(low / step + 1e-9);
	const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
	return Array.from({ length: last - first + 1 }, (_, place) => +((first + place) * step).toPrecision(12));
}

/**
 * A figure with a caption, a drawing, and its numbers as a table.
 * @param {Child} title
 * @param {Child[]} drawn
 * @param {number} height
 * @param {() => Element} numbers
 * @param {Child[]} tail
 */
export function figure(title, drawn, height, numbers, ...tail) {
	const caption = h("figcaption", title);
	const says = `${caption.textContent}. The table below has its numbers.`;
	const drawing = s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": says }, drawn);
	return h("figure", caption, drawing, tail, lazily("Table", numbers));
}

/** @param {string} text @param {number} x where it ends @param {number} y */
export const label = (text, x, y, props = {}) => s("text", { x, y, "text-anchor": "end", ...props }, text);

/** @param {string} text @param {number} x its middle @param {number} y */
const middle = (text, x, y, props = {}) => label(text, x, y, { "text-anchor": "middle", ...props });

/** @param {string} path @param {Element} text */
const tick = (path, text, kind = "tick") => s("g", { class: kind }, s("path", { d: path }), text);

/**
 * Where values are, whose first is at `from` and whose last is at `to`.
 * @param {number[]} values
 * @param {number} from
 * @param {number} to
 * @returns {(value: number) => number}
 */
export const scale = (values, from, to) => value =>
	+(from + ((value - values[0]) / ((values.at(-1) ?? 0) - values[0])) * (to - from)).toFixed(1);

/** @param {number[][]} points */
const finite = points => points.filter(([a, b]) => Number.isFinite(a + b));

/**
 * Lines over two axes; a gap is a point without a number.
 * @param {string} title
 * @param {Axis & { ticks: number[] }} x
 * @param {Axis} y
 * @param {Series[]} series
 * @param {Child[]} tail
 */
export function lines(title, x, y, series, ...tail) {
	const points = finite(series.flatMap(each => each.points));
	const up = y.ticks ?? ticks(points.map(([, value]) => value));
	const px = scale(x.ticks, LEFT, WIDTH - RIGHT);
	const py = scale(up, HEIGHT - BOTTOM, TOP);
	const [tellX, tellY] = [x.told ?? number, y.told ?? number];
	const named = series.filter(each => each.name);
	const drawn = series.map(each => {
		const own = named.indexOf(each);
		const path = each.points.map(([a, b], place) =>
			Number.isFinite(b) ? (Number.isFinite(each.points[place - 1]?.[1]) ? "L" : "M") + px(a) + " " + py(b) : ""
		);
		return s(
			`g.series line${own}`,
			!each.dots && s("path", { d: path.join("") }),
			(each.dots || each.points.length === 1) && finite(each.points).map(([a, b]) => s("circle", { cx: px(a), cy: py(b), r: 3 }))
		);
	});
	const axes = [
		x.ticks.map(each => tick(`M${px(each)} ${TOP}V${HEIGHT - BOTTOM}`, middle(tellX(each), px(each), HEIGHT - BOTTOM + 15))),
		up.map(each => tick(`M${LEFT} ${py(each)}H${WIDTH - RIGHT}`, label(tellY(each), LEFT - 6, py(each) + 4))),
		middle(x.name, (LEFT + WIDTH) / 2, HEIGHT - 6),
		middle(y.name, 0, 0, { transform: `translate(13 ${(HEIGHT - BOTTOM) / 2}) rotate(-90)` })
	];
	const names = named.map(each => each.name);
	const legend = named.length > 1 && soft(names.map((each, place) => `${LEGEND[place]} ${each} `));
	const numbers = () => {
		const every = Math.ceil(named[0].points.length / MOST_ROWS);
		const rows = named[0].points.map(([a], place) => [tellX(a), ...named.map(each => tellY(each.points[place][1]))]);
		return table(
			every > 1 ? `Every ${every}th point` : title,
			[x.name, ...names],
			rows.filter((_, place) => place % every === 0)
		);
	};
	return figure(title, [axes, drawn], HEIGHT, numbers, legend, tail);
}

/**
 * Values with their intervals, one below the other.
 * @param {string} title
 * @param {string} unit
 * @param {{ name: string, value: number, half: number }[]} rows
 */
export function forest(title, unit, rows) {
	const from = 160;
	const bottom = rows.length * 20 + 8;
	const ends = rows.flatMap(({ value, half }) => [value - half, value + half]);
	const across = ticks(ends);
	const px = scale(across, from, WIDTH - RIGHT);
	const drawn = [
		across.map(each => tick(`M${px(each)} 4V${bottom}`, middle(number(each), px(each), bottom + 14), each ? "tick" : "zero")),
		middle(unit, (from + WIDTH) / 2, bottom + 31),
		rows.map(({ name, value, half }, place) => {
			const y = place * 20 + 16;
			return s(
				"g.series",
				label(short(name, 24), from - 8, y + 4),
				s("path", { d: `M${px(value - half)} ${y}H${px(value + half)}` }),
				s("circle", { cx: px(value), cy: y, r: 3 })
			);
		})
	];
	return figure(title, drawn, bottom + 36, () =>
		table(
			title,
			["Column", unit, "from", "to"],
			rows.map(({ name, value, half }) => [short(name), number(value), number(value - half), number(value + half)])
		)
	);
}

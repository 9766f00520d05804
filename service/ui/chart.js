// Charts in SVG: axes with units, a title, a text alternative, and the numbers as a table behind a toggle.

import { folded, h, s, soft, table } from "./dom.js";
import { number, short } from "./text.js";

const WIDTH = 400;
const HEIGHT = 260;
const LEFT = 58;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 40;
/** Lines are told apart by more than colour. */
const DASHES = ["", "6 3"];
const LEGEND = ["━━", "╍╍"];
const MOST_ROWS = 200;

/**
 * Round values that enclose a range, about five of them.
 * @param {number} low
 * @param {number} high
 * @returns {number[]}
 */
export function ticks(low, high) {
	if (!Number.isFinite(low + high)) return [0, 1];
	const span = high - low || Math.abs(high) || 1;
	const power = 10 ** Math.floor(Math.log10(span / 4));
	const step = power * ([1, 2, 5].find(each => span / (each * power) <= 5) ?? 10);
	const first = Math.floor(low / step + 1e-9);
	const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
	return Array.from({ length: last - first + 1 }, (_, place) => +((first + place) * step).toPrecision(12));
}

/**
 * A figure with a caption, a drawing, and its numbers as a table.
 * @param {string} title
 * @param {Child[]} drawn
 * @param {number} height
 * @param {() => Element} numbers
 * @param {Child[]} tail
 */
function figure(title, drawn, height, numbers, ...tail) {
	const details = folded("Table");
	details.addEventListener("toggle", () => details.childElementCount < 2 && details.append(numbers()));
	const drawing = s(
		"svg",
		{ viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `${title}. The table below has its numbers.` },
		drawn
	);
	return h("figure", { class: "chart" }, h("figcaption", {}, title), drawing, tail, details);
}

/** @param {string} text @param {number} x @param {number} y */
const middle = (text, x, y, props = {}) => s("text", { x, y, "text-anchor": "middle", ...props }, text);

/** @param {number[][]} points */
const finite = points => points.filter(([a, b]) => Number.isFinite(a + b));

/**
 * Lines over two axes; a gap is a point without a number.
 * @param {string} title
 * @param {Axis} x
 * @param {Axis} y
 * @param {Series[]} series
 * @param {Child[]} tail
 */
export function lines(title, x, y, series, ...tail) {
	const points = finite(series.flatMap(each => each.points));
	const range = (/** @type {Axis} */ axis, /** @type {number} */ of) =>
		axis.ticks ?? ticks(Math.min(...(of ? [0] : []), ...points.map(each => each[of])), Math.max(...points.map(each => each[of])));
	const [across, up] = [range(x, 0), range(y, 1)];
	const scale = (/** @type {number[]} */ at, /** @type {number} */ from, /** @type {number} */ to) => (/** @type {number} */ value) =>
		+(from + ((value - at[0]) / (at[at.length - 1] - at[0])) * (to - from)).toFixed(1);
	const px = scale(across, LEFT, WIDTH - RIGHT);
	const py = scale(up, HEIGHT - BOTTOM, TOP);
	const [tellX, tellY] = [x.told ?? number, y.told ?? number];
	const named = series.filter(each => each.name);
	const kind = (/** @type {Series} */ each) => ({ class: `series ${each.name ? "line" : "chance"}${named.indexOf(each)}` });
	const dash = (/** @type {Series} */ each) => ({ "stroke-dasharray": DASHES[named.indexOf(each)] });
	const drawn = series.map(each => {
		const path = each.points.map(([a, b], place) =>
			Number.isFinite(b) ? (Number.isFinite(each.points[place - 1]?.[1]) ? "L" : "M") + px(a) + " " + py(b) : ""
		);
		return s(
			"g",
			kind(each),
			!each.dots && s("path", { d: path.join(""), ...dash(each) }),
			(each.dots || each.points.length === 1) && finite(each.points).map(([a, b]) => s("circle", { cx: px(a), cy: py(b), r: 3 }))
		);
	});
	const axes = [
		across.map(each =>
			s(
				"g",
				{ class: "tick" },
				s("path", { d: `M${px(each)} ${TOP}V${HEIGHT - BOTTOM}` }),
				middle(tellX(each), px(each), HEIGHT - BOTTOM + 15)
			)
		),
		up.map(each =>
			s(
				"g",
				{ class: "tick" },
				s("path", { d: `M${LEFT} ${py(each)}H${WIDTH - RIGHT}` }),
				s("text", { x: LEFT - 6, y: py(each) + 4, "text-anchor": "end" }, tellY(each))
			)
		),
		middle(x.name, (LEFT + WIDTH) / 2, HEIGHT - 6),
		middle(y.name, 0, 0, { transform: `translate(13 ${(HEIGHT - BOTTOM) / 2}) rotate(-90)` })
	];
	const legend = named.length > 1 && soft(named.map((each, place) => `${LEGEND[place]} ${each.name} `));
	const numbers = () => {
		const every = Math.ceil(named[0].points.length / MOST_ROWS);
		const rows = named[0].points.map(([a], place) => [tellX(a), ...named.map(each => tellY(each.points[place][1]))]);
		return table(
			every > 1 ? `Every ${every}th point` : title,
			[x.name, ...named.map(each => each.name)],
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
	const across = ticks(Math.min(0, ...rows.map(each => each.value - each.half)), Math.max(0, ...rows.map(each => each.value + each.half)));
	const [left, right] = [across[0], across[across.length - 1]];
	const px = (/** @type {number} */ value) => from + ((value - left) / (right - left)) * (WIDTH - from - RIGHT);
	const drawn = [
		across.map(each =>
			s(
				"g",
				{ class: each ? "tick" : "tick zero" },
				s("path", { d: `M${px(each)} 4V${bottom}` }),
				middle(number(each), px(each), bottom + 14)
			)
		),
		middle(unit, (from + WIDTH) / 2, bottom + 31),
		rows.map(({ name, value, half }, place) => {
			const y = place * 20 + 16;
			return s(
				"g",
				{ class: "series" },
				s("text", { x: from - 8, y: y + 4, "text-anchor": "end" }, short(name, 24)),
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

// Names and numbers as people read them. Pure.

// Joiners and marks of direction, without which Persian, Arabic and emoji are not what they were.
const UNSEEN = /(?!\u200c|\u200d|\u200e|\u200f|\u061c)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
const MINUS = "−";
export const NOTHING = "–";

/**
 * A name with what cannot be seen written out, and within quotes where it is empty or has a blank at an end.
 * @param {string} name
 */
export function visible(name) {
	const legible = name.replace(UNSEEN, letter => `\\u{${letter.codePointAt(0)?.toString(16)}}`);
	return legible && legible === legible.trim() ? legible : `“${legible}”`;
}

/**
 * A visible name of at most `width` letters; a longer one loses what is before its end.
 * @param {string} name
 */
export function short(name, width = 40) {
	const letters = [...visible(name)];
	if (letters.length <= width) return letters.join("");
	const end = Math.min(10, Math.floor(width / 3));
	return [...letters.slice(0, width - end - 1), "…", ...letters.slice(-end)].join("");
}

/**
 * The fewest digits that name this float32.
 * @param {number} value
 */
export function float32(value) {
	const exact = Math.fround(value);
	if (!Number.isFinite(exact)) return String(value);
	for (let digits = 1; ; digits++) {
		const found = Number(exact.toPrecision(digits));
		if (digits === 9 || Math.fround(found) === exact) return String(found);
	}
}

/**
 * A number with so many significant digits, and a power of ten where it is very small or large.
 * @param {number | null | undefined} value
 */
export function number(value, digits = 4) {
	if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
	if (value === 0) return "0";
	if (!Number.isFinite(value)) return value < 0 ? `${MINUS}∞` : "∞";
	const [mantissa, power] = value.toExponential(digits - 1).split("e");
	const exponent = Number(power);
	if (exponent >= -4 && exponent <= 6) {
		const places = Math.max(0, digits - 1 - exponent);
		return value.toLocaleString("en", { maximumFractionDigits: places }).replace("-", MINUS);
	}
	const raised = [...String(exponent)].map(digit => "⁰¹²³⁴⁵⁶⁷⁸⁹"[+digit] ?? "⁻");
	return `${String(Number(mantissa)).replace("-", MINUS)}·10${raised.join("")}`;
}

/**
 * A probability in percent: near 0 and 1 with the digits that tell it from them.
 * @param {number} value
 */
export function percent(value) {
	if (!(value >= 0.001)) return `${number(value * 100, 2)}\u00a0%`;
	const places = value === 1 ? 1 : Math.min(6, Math.max(1, Math.ceil(-Math.log10(1 - value)) - 1));
	const text = (value * 100).toFixed(places);
	return `${value < 1 && +text === 100 ? "> 99.999999" : text}\u00a0%`;
}

/** @param {number} low @param {number} high @param {number} [digits] */
export const between = (low, high, digits) => `${number(low, digits)} to ${number(high, digits)}`;

/**
 * A count, and what it counts.
 * @param {number} count
 * @param {string} what
 */
export const counted = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

/**
 * A coefficient with its sign.
 * @param {number} value
 */
export const signed = (value, digits = 3) => `${value > 0 ? "+" : ""}${number(value, digits)}`;

/**
 * Seconds as people say them.
 * @param {number} value
 */
export function seconds(value) {
	if (!Number.isFinite(value)) return NOTHING;
	return value < 1 ? `${number(value * 1000, 3)} ms` : `${number(value, 3)} s`;
}

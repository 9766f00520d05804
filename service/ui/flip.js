// At which value of one input the label changes. A logit is linear in each number, so two answers tell its slope. Pure.

/** How far outward, in steps of a float32, a value is tried: the model adds up in float32. */
export const STEPS = [0, 1, 8, 64, 512, 4096];

const bits = new DataView(new ArrayBuffer(4));

/**
 * The float32 so many steps above a value, or below it.
 * @param {number} value
 * @param {number} steps
 */
export function step(value, steps) {
	bits.setFloat32(0, value);
	const raw = bits.getInt32(0);
	// As whole numbers in order: negative ones count down.
	const place = (raw < 0 ? -2147483648 - raw : raw) + steps;
	bits.setInt32(0, place < 0 ? -2147483648 - place : place);
	return bits.getFloat32(0);
}

/**
 * How each logit depends on each number, by the explanations of two rows that differ in all of them.
 * @param {number[][]} low [logits][inputs], what each input adds in the first row
 * @param {number[][]} high
 * @param {number[]} from the numbers of the first row; NaN where there is none
 * @param {number[]} to
 * @returns {Line[]} slope [logits] and the value that adds nothing, for each input
 */
export function slopes(low, high, from, to) {
	return from.map((start, place) => {
		const span = to[place] - start;
		const slope = low.map((logit, index) => (high[index][place] - logit[place]) / span);
		const steep = slope.reduce((best, each, index) => (Math.abs(each) > Math.abs(slope[best]) ? index : best), 0);
		return { slope, mean: start - low[steep][place] / slope[steep] };
	});
}

/**
 * The nearest value of one input at which the label changes, and on which side of it: 1 above, -1 below.
 * @param {number[]} logits of the row
 * @param {number[]} own what this input adds to each
 * @param {Line} line
 * @param {number} label
 * @param {number} now the input's value; NaN while it is missing
 * @param {{ positive: number, threshold: number }} rule of two classes
 * @returns {{ value: number, side: number } | null | undefined} null where there is none, undefined where it is not known
 */
export function crossing(logits, own, { slope, mean }, label, now, { positive, threshold }) {
	const rest = logits.map((logit, index) => logit - own[index]);
	if (logits.length === 1) {
		const odds = Math.log(threshold / (1 - threshold));
		const border = positive === 1 ? odds : -odds;
		const value = mean + (border - rest[0]) / slope[0];
		// From the border on the label is the positive one; the other side is the other's.
		const wanted = label === 1 ? -1 : 1;
		return Number.isFinite(value) ? { value, side: wanted * Math.sign(slope[0]) } : null;
	}
	if (Number.isNaN(now)) return undefined;
	let best = null;
	for (let other = 0; other < logits.length; other++) {
		const steeper = slope[other] - slope[label];
		const value = mean + (rest[label] - rest[other]) / steeper;
		if (other !== label && Number.isFinite(value) && (!best || Math.abs(value - now) < Math.abs(best.value - now))) {
			best = { value, side: Math.sign(steeper) };
		}
	}
	return best;
}

/**
 * Values to try, nearest first.
 * @param {{ value: number, side: number }} found
 */
export const candidates = ({ value, side }) => STEPS.map(steps => step(Math.fround(value), side * steps));

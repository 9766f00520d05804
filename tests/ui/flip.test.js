// Flip values by algebra; that the service's own answers flip there is tested in a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { candidates, crossing, STEPS, slopes, step } from "../../service/ui/flip.js";

test("a step is the next float32, also through zero", () => {
	assert.equal(step(1, 1), 1 + 2 ** -23);
	assert.equal(step(1, -1), 1 - 2 ** -24);
	assert.equal(step(0, 1), 2 ** -149);
	assert.equal(step(0, -1), -(2 ** -149));
	assert.equal(step(step(-1.5, 5), -5), -1.5);
	assert.ok(step(-1, 1) > -1);
});

test("two answers tell the slopes", () => {
	const at = (/** @type {number} */ x, /** @type {number} */ y) => [[2 * (x - 3), -1 * (y - 5)]];
	const [first, second] = slopes(at(0, 1), at(10, 2), [0, 1], [10, 2]);
	assert.deepEqual(first, { slope: [2], mean: 3 });
	assert.deepEqual(second, { slope: [-1], mean: 5 });
});

test("of two classes the border is the threshold's logit, on the side where the label is the other", () => {
	const line = { slope: [2], mean: 3 };
	const odds = Math.log(0.8 / 0.2);
	for (const positive of [0, 1]) {
		const rule = { positive, threshold: 0.8 };
		const wanted = positive ? odds : -odds;
		// The logit is 1 + 2 (x - 3).
		const label = positive ? Number(1 >= odds) : 1 - Number(-1 >= odds);
		const found = crossing([1], [0], line, label, 3, rule);
		assert.ok(found);
		assert.ok(Math.abs(1 + 2 * (found.value - 3) - wanted) < 1e-9);
		const beyond = 1 + 2 * (found.value + found.side - 3);
		const other = positive ? Number(beyond >= odds) : 1 - Number(-beyond >= odds);
		assert.notEqual(other, label);
	}
});

test("of more classes it is the nearest crossing with another class", () => {
	// Logits 0, x - 2 and -x - 3, at x = 0.
	const found = crossing([0, -2, -3], [0, 0, 0], { slope: [0, 1, -1], mean: 0 }, 0, 0, { positive: 2, threshold: 0.5 });
	assert.deepEqual(found, { value: 2, side: 1 });
	assert.equal(crossing([0, -2, -3], [0, 0, 0], { slope: [1, 1, 1], mean: 0 }, 0, 0, { positive: 2, threshold: 0.5 }), null);
});

test("what does not matter has no border", () => {
	assert.equal(crossing([1], [0], { slope: [0], mean: Number.NaN }, 1, 3, { positive: 1, threshold: 0.5 }), null);
	assert.equal(crossing([1], [0], { slope: [1], mean: 0 }, 1, 3, { positive: 1, threshold: 0 }), null);
});

test("candidates go outward", () => {
	const found = candidates({ value: 2.5, side: -1 });
	assert.equal(found.length, STEPS.length);
	assert.deepEqual(
		[...found].sort((a, b) => b - a),
		found
	);
});

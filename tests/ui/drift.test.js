// What the page says of a column that differs from training.

import assert from "node:assert/strict";
import { test } from "node:test";
import { beyond, verdict } from "../../service/ui/drift.js";

/** @param {string} bin @param {number} share @param {number | null} reference */
const far = (bin, share, reference) => ({ bin, rows: 1, share, reference, beyond: true });

test("bins beyond their own bound are named in words, apart by whether there are more rows or fewer", () => {
	const bins = [far("below", 0.1, 0), far("unseen", 0.02, 0), far("missing", 0.3, 0.1), far("Ulm", 0, 0.4)];
	assert.deepEqual(beyond([...bins, { ...far("Bonn", 0.9, 0.1), beyond: false }]), [
		["below training's range", "not seen in training", "missing"],
		["Ulm"]
	]);
	assert.deepEqual(beyond([]), [[], []]);
});

test("a bin that is called like a part of JavaScript is a name", () => {
	assert.deepEqual(beyond([far("constructor", 0.1, null), far("__proto__", 0.1, 0)])[0], ["constructor", "__proto__"]);
});

test("the verdict is the service's, and there is none of few rows or without a reference", () => {
	const column = { psi: 0.5123, bound: 0.43, drifted: true };
	const of = (/** @type {Partial<DriftColumn>} */ other, rows = 1000) =>
		verdict(/** @type {DriftColumn} */ ({ ...column, ...other }), rows);
	assert.equal(of({}), "PSI 0.51, bound 0.43: drifted.");
	assert.equal(of({ drifted: false }), "PSI 0.51, bound 0.43: not drifted.");
	assert.equal(of({ drifted: false }, 999), "PSI 0.51, bound 0.43: not judged.");
	assert.equal(of({ psi: null, bound: null }), "No PSI: training has too little to compare with.");
	// A PSI up to 0.1 is no drift, however small its bound is.
	assert.equal(of({ psi: 0.05, bound: 0.01, drifted: false }), "PSI 0.05, bound 0.1: not drifted.");
});

// What a text means by an input's kind, and code that sends a row.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { GAPS, lines } from "../../service/ui/csv.js";
import { byName, CODE, cell, outside, pasted, usual } from "../../service/ui/row.js";

const missing = { admitted: true };
/** @type {Input[]} */
const INPUTS = [
	{
		kind: "numeric",
		name: "__proto__",
		unit: null,
		missing,
		reference: { min: 0, max: 10, mean: 4, bins: { edges: [0, 2, 10], shares: [0.25, 0.75] } }
	},
	{ kind: "boolean", name: "b", unit: null, missing, texts: { Yes: true, No: false }, reference: { true: 0.2, false: 0.8 } },
	{
		kind: "categorical",
		name: "it's",
		unit: null,
		missing,
		categories: ["no", "no "],
		rare: ["odd"],
		reference: { shares: [0.4, 0.5], rare: 0.1 }
	},
	{ kind: "categorical", name: "n", unit: null, missing, categories: [1, 2], rare: [], reference: { shares: [0.4, 0.6], rare: 0 } }
];

test("the usual row is of medians and commonest categories", () => {
	const found = INPUTS.map(usual);
	assert.ok(Math.abs(Number(found[0]) - (2 + (0.25 / 0.75) * 8)) < 0.01);
	assert.deepEqual(found.slice(1), [false, "no ", 2]);
	assert.equal(usual({ .../** @type {Numeric} */ (INPUTS[0]), reference: { min: 1, max: 1, mean: 1, bins: null } }), 1);
});

test("a text is what its input's kind makes of it, and else stays for the service to refuse", () => {
	const read = (/** @type {number} */ place, /** @type {string} */ text, form = {}) => cell(INPUTS[place], text, form);
	assert.deepEqual(
		[" 1.5 ", "-2e3", "", "1,5", "abc", "0x1", "Infinity"].map(each => read(0, each)),
		[1.5, -2000, null, "1,5", "abc", "0x1", "Infinity"]
	);
	assert.equal(read(0, "1,5", { comma: true }), 1.5);
	for (const gap of ["NA", "nan", "NULL", "n/a", "-"]) assert.equal(read(0, gap, { gaps: GAPS }), null, gap);
	assert.deepEqual(
		["yes", "true", "FALSE", "perhaps", ""].map(each => read(1, each)),
		[true, true, false, "perhaps", null]
	);
	assert.deepEqual(
		["no", "no ", "new"].map(each => read(2, each)),
		["no", "no ", "new"]
	);
	assert.deepEqual(
		["1", "2.0", "x"].map(each => read(3, each)),
		[1, 2, "x"]
	);
});

test("a row is read from JSON and from CSV, and what does not fit is said", () => {
	const row = [1.5, true, "no ", 2];
	for (const text of [
		JSON.stringify(row),
		JSON.stringify({ instances: [row] }),
		JSON.stringify(byName(INPUTS, row)),
		"1.5,Yes,no ,2",
		"1,5;Yes;no ;2",
		"n,it's,b,__proto__\n2,no ,Yes,1.5",
		"1.5\tYes\tno \t2"
	]) {
		assert.deepEqual(pasted(text, INPUTS, lines), row, text);
	}
	assert.throws(() => pasted("[1, 2]", INPUTS, lines), /2 values, and the model takes 4/);
	assert.throws(() => pasted('{"b": 1}', INPUTS, lines), /no value for "__proto__"/);
	assert.throws(() => pasted("  ", INPUTS, lines), /nothing to read/);
});

test("a number beyond what training saw is outside", () => {
	assert.ok(outside(INPUTS[0], 11));
	assert.ok(!outside(INPUTS[0], 10));
	assert.ok(
		!outside({ .../** @type {Numeric} */ (INPUTS[0]), reference: { min: 9.710000038146973, max: 20, mean: 12, bins: null } }, 9.71)
	);
	assert.ok(!outside(INPUTS[0], null));
	assert.ok(!outside(INPUTS[1], true));
});

test("code in each language carries any name unchanged", () => {
	const body = { instances: [byName(INPUTS, [1.5, true, 'it\'s $(HOME) `x` \\ "q" \u2028 🍎', null])] };
	const url = "http://127.0.0.1/a/predict";
	const shown = execFileSync("sh", ["-c", CODE.curl(url, body, false).replace(/^curl/, "printf '%s\\n'")])
		.toString()
		.split("\n");
	assert.deepEqual(JSON.parse(shown[4]), body);
	const python = CODE.Python(url, body, true).replace(
		"import requests",
		"import json\nkey = ''\nclass requests:\n    def post(url, json, headers, timeout): return requests.Answer(json)\n    class Answer:\n        def __init__(self, sent): self.sent = sent\n        def raise_for_status(self): pass\n        def json(self): return json.dumps(self.sent)\n"
	);
	assert.deepEqual(
		JSON.parse(execFileSync("python3", ["-c", python], { env: { ...process.env, PYTHONIOENCODING: "utf-8" } }).toString()),
		body
	);
	const script = `const key = ""; const fetch = async (_, sent) => ({ json: () => sent.body });\n${CODE.JavaScript(url, body, true)}`;
	assert.deepEqual(JSON.parse(execFileSync("node", ["--input-type=module", "-e", script]).toString()), body);
});

// Scrapes, and what two of them say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { between } from "../../service/ui/live.js";
import { grown, parse, quantile, total } from "../../service/ui/metrics.js";

test("labels are read as they were, whatever is in them", () => {
	const found = parse('# HELP x y\nx{label="a \\"b\\" \\\\ \\n}",other="=,"} 3\nx 1e-3\ny{} +Inf\nbroken{\n');
	assert.deepEqual(found.get("x")?.[0].labels, { label: 'a "b" \\ \n}', other: "=," });
	assert.deepEqual(
		found.get("x")?.map(each => each.value),
		[3, 0.001]
	);
	assert.equal(found.get("y")?.[0].value, Number.POSITIVE_INFINITY);
});

const sample = (/** @type {number} */ value, /** @type {Record<string, string>} */ labels = {}) => ({
	labels,
	value
});

test("a counter that began again grew by what it has, and a new one too", () => {
	const found = grown(
		[sample(10, { p: "a" }), sample(5, { p: "b" })],
		[sample(3, { p: "a" }), sample(7, { p: "b" }), sample(2, { p: "c" })]
	);
	assert.deepEqual(
		found.map(each => each.value),
		[3, 2, 2]
	);
	assert.equal(total(found), 7);
});

test("a quantile lies straight within its bucket, and an empty histogram has none", () => {
	const buckets = [sample(0, { le: "0.1" }), sample(10, { le: "0.2" }), sample(10, { le: "+Inf" })];
	assert.ok(Math.abs(quantile(buckets, 0.5) - 0.15) < 1e-12);
	assert.ok(Number.isNaN(quantile([], 0.5)));
	assert.ok(Number.isNaN(quantile([sample(0, { le: "+Inf" })], 0.5)));
	assert.equal(quantile([sample(0, { le: "0.1" }), sample(4, { le: "+Inf" })], 0.5), 0.1);
});

test("two scrapes make rates, and no rate is negative after a restart", () => {
	const scrape = (/** @type {number} */ at, /** @type {number} */ count) => ({
		at,
		of: parse(
			`logitserve_http_requests_total{route="/predict",code="200"} ${count}\nlogitserve_http_requests_total{route="/predict",code="503"} ${count}\nlogitserve_http_requests_total{route="/metrics",code="200"} ${count}\n`
		)
	});
	assert.equal(between(scrape(0, 0), scrape(5000, 10)).rate, 4);
	assert.equal(between(scrape(0, 0), scrape(5000, 10)).errors, 0.5);
	assert.equal(between(scrape(0, 100), scrape(5000, 10)).rate, 4);
	assert.ok(Number.isNaN(between(scrape(0, 1), scrape(5000, 1)).errors));
});

// Names and numbers as people read them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { float32, number, percent, seconds, short, signed, visible } from "../../service/ui/text.js";

test("what cannot be seen of a name is written out, and blanks at its ends are quoted", () => {
	assert.equal(visible("mean\u202eradius"), "mean\\u{202e}radius");
	assert.equal(visible(" padded "), "“ padded ”");
	assert.equal(visible(""), "“”");
	assert.equal(visible("🍎 weight"), "🍎 weight");
	assert.equal(visible("\ud800"), "\\u{d800}");
	assert.notEqual(visible("no"), visible("no "));
});

test("a long name keeps its end", () => {
	const found = short(`${"x".repeat(300)}-end`, 20);
	assert.equal([...found].length, 20);
	assert.ok(found.endsWith("-end"));
	assert.equal(short("🍎".repeat(20), 20), "🍎".repeat(20));
});

test("a float32 is named by the fewest digits that give it back", () => {
	for (const value of [0.1, 13.369999885559082, 1e-7, -3.5, 16777216, 3.4028234663852886e38, 0]) {
		const text = float32(value);
		assert.equal(Math.fround(Number(text)), Math.fround(value));
		assert.ok(text.length <= 15, text);
	}
	assert.equal(float32(0.1), "0.1");
	assert.equal(float32(13.369999885559082), "13.37");
});

test("numbers have the digits that mean something", () => {
	assert.equal(number(0), "0");
	assert.equal(number(1234567), "1,234,567");
	assert.equal(number(0.000012346), "1.235·10⁻⁵");
	assert.equal(number(-1.23456), "−1.235");
	assert.equal(number(Number.NaN), "–");
	assert.equal(number(undefined), "–");
	assert.equal(number(Number.POSITIVE_INFINITY), "∞");
	assert.equal(signed(0.5), "+0.5");
	assert.equal(signed(-0.5), "−0.5");
});

test("a probability that is nearly nothing or nearly certain is not rounded to it", () => {
	assert.equal(percent(1), "100.0\u00a0%");
	assert.equal(percent(0), "0\u00a0%");
	assert.notEqual(percent(0.99999), percent(1));
	assert.equal(percent(0.25), "25.0\u00a0%");
	assert.match(percent(1e-9), /10⁻⁷/);
	assert.match(percent(1 - 1e-12), /^> 99/);
});

test("seconds are told in milliseconds below one", () => {
	assert.equal(seconds(0.0123), "12.3\u00a0ms");
	assert.equal(seconds(2), "2\u00a0s");
	assert.equal(seconds(Number.NaN), "–");
});

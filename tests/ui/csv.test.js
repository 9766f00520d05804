// CSV in and out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decimalComma, delimiter, encoding, lines, match, Reader, written } from "../../service/ui/csv.js";

test("a text is cut into rows however its lines end, and quotes hold what they hold", () => {
	assert.deepEqual(lines('a,b\r\n1,"x,y"\n2,"say ""hi""\nthere"\r3,\n\n'), [
		["a", "b"],
		["1", "x,y"],
		["2", 'say "hi"\nthere'],
		["3", ""]
	]);
	assert.deepEqual(lines("a;b\n1,5;2"), [
		["a", "b"],
		["1,5", "2"]
	]);
	assert.deepEqual(lines("a|b\n1|2\n"), [
		["a", "b"],
		["1", "2"]
	]);
	assert.deepEqual(lines("a,b\n1,"), [
		["a", "b"],
		["1", ""]
	]);
	assert.deepEqual(lines(""), []);
});

test("rows are the same wherever a file is cut into pieces", () => {
	const text = 'id,"a ""quoted"" name",x\r\n1,"two\r\nlines",3\n"",,\r\nlast,"end"';
	const whole = new Reader(",").feed(text, true);
	for (let size = 1; size < text.length; size++) {
		const reader = new Reader(",");
		const rows = [];
		for (let at = 0; at < text.length; at += size) rows.push(...reader.feed(text.slice(at, at + size), at + size >= text.length));
		assert.deepEqual(rows, whole, `pieces of ${size}`);
	}
});

test("a quote that does not end is named", () => {
	assert.throws(() => lines('a,b\n1,"x'), /A quote does not end: 1,"x/);
});

test("the delimiter is what the first line has most of, outside of quotes", () => {
	assert.equal(delimiter('"a,b,c";d\n1,2,3'), ";");
	assert.equal(delimiter("a\tb,c\td"), "\t");
	assert.equal(delimiter("alone"), ";");
});

test("what a spreadsheet would take for a formula is not one, and a number stays one", () => {
	for (const evil of ["=SUM(A1:A9)", "+cmd", "-cmd|x", "@cmd", "\tx", "-1+2"]) assert.match(written(evil), /^"?'/);
	for (const number of ["-1", "+2.5", "-1e-3", "-1,5", "0"]) assert.ok(!written(number).includes("'"));
	assert.equal(written('a"b'), '"a""b"');
	assert.equal(written(" padded "), '" padded "');
	assert.equal(written(null), "");
	assert.equal(written(1.5e-7), "1.5e-7");
});

test("what is written is read again", () => {
	const cells = ["plain", "a,b", 'q"q', "two\nlines", " blank ", "é", ""];
	assert.deepEqual(lines(`x,y,z,u,v,w,t\n${cells.map(written).join(",")}`)[1], cells);
});

test("bytes are read by their mark, as UTF-8, or as Windows writes them", () => {
	assert.equal(encoding(new Uint8Array([0xff, 0xfe, 0x61, 0])), "utf-16le");
	assert.equal(encoding(new Uint8Array([0xfe, 0xff, 0, 0x61])), "utf-16be");
	assert.equal(encoding(new TextEncoder().encode("é")), "utf-8");
	assert.equal(encoding(new Uint8Array([0x61, 0xe9, 0x62])), "windows-1252");
	assert.equal(encoding(new Uint8Array([0x61, 0xc3])), "utf-8"); // a letter that the piece cuts
});

test("a decimal comma is seen only where no number has a point", () => {
	assert.ok(decimalComma(["1,5", "x", "2"]));
	assert.ok(!decimalComma(["1,5", "2.5"]));
	assert.ok(!decimalComma(["1.5", "2"]));
});

test("columns are found by their names, also by hostile ones, and blanks around count where they tell names apart", () => {
	const inputs = ["__proto__", "constructor", "no", "no ", " x"].map(name => ({ name }));
	const found = match(["no ", "x", "constructor", "__proto__", "no", "more", "more"], inputs);
	assert.deepEqual(found, { places: [3, 2, 4, 0, 1], missing: [], twice: [], extra: ["more", "more"] });
	assert.deepEqual(match(["a", "a", "c"], [{ name: "a" }, { name: "b" }]), {
		places: [0, -1],
		missing: ["b"],
		twice: ["a"],
		extra: ["a", "c"]
	});
});

test("a quote that is written twice, with a line's end after it, is one cell wherever the pieces end", () => {
	const text = 'a,b\r\n1,"He said ""no""\nand left"\r\n2,""""\r\n';
	const whole = new Reader(",").feed(text, true);
	assert.deepEqual(whole[1], ["1", 'He said "no"\nand left']);
	for (let size = 1; size < text.length; size++) {
		const reader = new Reader(",");
		const rows = [];
		for (let at = 0; at < text.length; at += size) rows.push(...reader.feed(text.slice(at, at + size), at + size >= text.length));
		assert.deepEqual(rows, whole, `pieces of ${size}`);
	}
});

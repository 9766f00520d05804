// What is sent is what is written: the service leaves out comments and indentation, and nothing else.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "acorn";

const FOLDER = new URL("../../service/ui/", import.meta.url);
const PYTHON = "import sys, rjsmin; sys.stdout.write(rjsmin.jsmin(sys.stdin.read()))";

/** A program without the places of its parts. @param {string} text */
const program = text =>
	JSON.stringify(parse(text, { ecmaVersion: "latest", sourceType: "module" }), (name, value) =>
		name === "start" || name === "end" ? undefined : value
	);

for (const name of readdirSync(FOLDER).filter(each => each.endsWith(".js"))) {
	test(`${name} means the same without its comments`, () => {
		const text = readFileSync(new URL(name, FOLDER), "utf-8");
		const sent = execFileSync(process.env.PYTHON ?? "python3", ["-c", PYTHON], { input: text, encoding: "utf-8" });
		assert.equal(program(sent), program(text));
	});
}

// Rows of a model: what an example holds, what a text means by an input's kind, and code that sends a row. Pure.

import { float32 } from "./text.js";

/**
 * A usual value of an input: the median, or the commonest category.
 * @param {Input} input
 * @returns {Cell}
 */
export function usual(input) {
	if (input.kind === "boolean") return input.reference.true >= input.reference.false;
	if (input.kind === "categorical") {
		const { shares } = input.reference;
		return input.categories[shares.indexOf(Math.max(...shares))] ?? input.rare[0];
	}
	const { bins, mean } = input.reference;
	let value = mean;
	let below = 0;
	for (const [bin, share] of bins?.shares.entries() ?? []) {
		if (below < 0.5 && below + share >= 0.5) {
			const [from, to] = /** @type {any} */ (bins).edges.slice(bin);
			value = from + ((0.5 - below) / share) * (to - from);
		}
		below += share;
	}
	return rounded(value, input.reference);
}

/**
 * A number with the decimals that matter between what training saw.
 * @param {number} value
 * @param {{ min: number, max: number }} seen
 */
export function rounded(value, { min, max }) {
	const short = +value.toFixed(places(max - min));
	return short >= min && short <= max ? short : +float32(value);
}

/** How many decimals matter in a range. @param {number} range */
const places = range => Math.min(12, Math.max(0, 3 - Math.floor(Math.log10(range || 1))));

/**
 * What a text in a field or a file means to an input; a text that means nothing stays one, for the service to refuse.
 * @param {Input} input
 * @param {string} text
 * @param {{ comma?: boolean, gaps?: Set<string> }} [form] whether decimals have a comma; what stands for nothing
 * @returns {Cell}
 */
export function cell(input, text, { comma = false, gaps } = {}) {
	const bare = text.trim();
	if (bare === "" || gaps?.has(bare.toLowerCase())) return null;
	if (input.kind === "numeric") {
		const plain = comma ? bare.replace(",", ".") : bare;
		return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : text;
	}
	if (input.kind === "boolean") {
		const lower = bare.toLowerCase();
		const known = Object.entries(input.texts).find(([each]) => each.toLowerCase() === lower);
		return known ? known[1] : lower === "true" || (lower === "false" ? false : text);
	}
	const whole = typeof (input.categories[0] ?? input.rare[0]) === "number";
	return whole && /^[+-]?\d+(\.0*)?$/.test(bare) ? Number(bare) : text;
}

/**
 * Whether a number lies outside of what training saw.
 * @param {Input} input
 * @param {Cell} value
 */
export const outside = (input, value) =>
	input.kind === "numeric" &&
	typeof value === "number" &&
	(Math.fround(value) < input.reference.min || Math.fround(value) > input.reference.max);

/**
 * A row as an object that has the inputs' names, whatever these are.
 * @param {Input[]} inputs
 * @param {Cell[]} row
 */
export const byName = (inputs, row) => Object.fromEntries(inputs.map((input, place) => [input.name, row[place]]));

/**
 * Read a pasted row: a request, an object by name, a list, or CSV with or without a line of names.
 * @param {string} text
 * @param {Input[]} inputs
 * @param {(text: string) => string[][]} lines
 * @returns {Cell[]}
 */
export function pasted(text, inputs, lines) {
	const bare = text.trim();
	if (!bare) throw new Error("There is nothing to read.");
	if (/^[{[]/.test(bare)) {
		let value = JSON.parse(bare);
		if (Object.hasOwn(value, "instances")) value = value.instances;
		if (Array.isArray(value) && value[0] === Object(value[0])) value = value[0];
		return Array.isArray(value) ? listed(value, inputs) : named(new Map(Object.entries(value)), inputs);
	}
	const [head, last] = lines(bare);
	const comma = !bare.includes(".") && /\d,\d/.test(bare);
	return last ? named(new Map(head.map((name, place) => [name, last[place] ?? ""])), inputs, comma) : listed(head, inputs, comma);
}

/** @param {Input} input @param {any} value @param {boolean} comma */
const read = (input, value, comma) => (typeof value === "string" ? cell(input, value, { comma }) : value);

/** @param {any[]} values @param {Input[]} inputs */
function listed(values, inputs, comma = false) {
	if (values.length !== inputs.length) {
		throw new Error(`This row has ${values.length} values, and the model takes ${inputs.length}.`);
	}
	return values.map((value, place) => read(inputs[place], value, comma));
}

/** @param {Map<string, any>} values @param {Input[]} inputs */
function named(values, inputs, comma = false) {
	return inputs.map(input => {
		if (!values.has(input.name)) throw new Error(`This row has no value for "${input.name}".`);
		return read(input, values.get(input.name), comma);
	});
}

/** A word of a shell, whatever is in it. @param {string} text */
const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * A request in a shell.
 * @param {string} url
 * @param {string | undefined} body
 * @param {boolean} keyed whether it asks for a key
 */
export const curl = (url, body, keyed, method = "") =>
	`curl ${method}${quoted(url)}${keyed ? ' -H "X-API-Key: $KEY"' : ""}` +
	(body === undefined ? "" : " -H 'Content-Type: application/json' -d " + quoted(body));

const json = JSON.stringify;

/**
 * A request in a language, with a place for the key where one is asked for.
 * @type {Record<string, (url: string, body: unknown, keyed: boolean) => string>}
 */
export const CODE = {
	curl: (url, body, keyed) => curl(url, json(body), keyed),
	Python: (url, body, keyed) => `import requests

answer = requests.post(${json(url)}, json=${python(body)}${keyed ? ', headers={"X-API-Key": key}' : ""}, timeout=10)
answer.raise_for_status()
print(answer.json())`,
	JavaScript: (url, body, keyed) => `const answer = await fetch(${json(url)}, {
  method: "POST",
  headers: { "Content-Type": "application/json"${keyed ? ', "X-API-Key": key' : ""} },
  body: ${json(json(body))},
});
console.log(await answer.json());`
};

/** @param {any} value @returns {string} */
function python(value) {
	if (typeof value === "boolean") return value ? "True" : "False";
	if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
	if (value === null || typeof value !== "object") return value === null ? "None" : json(value);
	const pairs = Object.entries(value).map(([name, each]) => `${json(name)}: ${python(each)}`);
	return `{${pairs.join(", ")}}`;
}

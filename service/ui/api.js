// Every endpoint, from /openapi.json, with a request that works and can be sent from here.

import { chosen, copying, fill, h, lazily, soft } from "./dom.js";
import { curl } from "./row.js";
import { absolute, ask, getJson, JSON_TYPE, send } from "./service.js";
import { seconds } from "./text.js";

const DATATYPES = { numeric: "FP32", boolean: "BOOL", categorical: "BYTES" };

/** @type {View} */
export async function view(app) {
	const { paths } = await getJson("openapi.json");
	/** @type {Map<string, Element[]>} */
	const groups = new Map();
	for (const [path, methods] of Object.entries(paths)) {
		for (const [method, operation] of Object.entries(methods)) {
			const [tag] = operation.tags;
			const text = (operation.description ?? operation.summary).replaceAll("`", "");
			const verb = method.toUpperCase();
			const one = lazily([h("b", verb), " ", h("code", path), h("span.soft", ` ${text.split("\n")[0]}`)], () =>
				form(app, verb, path, operation, text)
			);
			one.className = "operation";
			groups.set(tag, [...(groups.get(tag) ?? []), one]);
		}
	}
	return [h("a", { href: "openapi.json" }, "openapi.json"), [...groups].map(([tag, each]) => [h("h3", tag), each])];
}

/**
 * @param {App} app
 * @param {string} method
 * @param {string} path
 * @param {any} operation
 * @param {string} text
 */
function form(app, method, path, operation, text) {
	const target = path.slice(1).replace("{model}", encodeURIComponent(app.info.model)).replace("{version}", app.info.version);
	const content = operation.requestBody?.content["application/json"];
	const examples = content ? bodies(app, path, content) : [];
	const area = h("textarea", { rows: 8, spellcheck: "false", "aria-label": "Body" });
	/** @param {number} place */
	const take = place => {
		// A number does not need a line of its own.
		area.value = JSON.stringify(examples[place][1], null, 1).replace(/\n +(?=[^\n]*[^{}[\]\n])/g, " ");
	};
	if (content) take(0);
	const out = h("div", { "aria-live": "polite" });
	const address = h("input.wide", { autocomplete: "off", "aria-label": "Address", value: target });
	const run = async () => {
		const started = performance.now();
		try {
			const answer = await send(address.value, { method, headers: content && JSON_TYPE, body: content && area.value });
			let said = await answer.text();
			const took = seconds((performance.now() - started) / 1000);
			try {
				said = JSON.stringify(JSON.parse(said), null, 2);
			} catch {} // not JSON, as the metrics
			const { status, statusText } = answer;
			fill(out, h("p", h("b", `${status} ${statusText}`), ` in ${took}`), h("pre", { tabindex: 0 }, said));
			if (status === 401 || status === 403) {
				await ask(`This endpoint asks for a key that may ${status === 401 ? "use it" : "administer"}.`);
				await run();
			}
		} catch (error) {
			fill(out, h("p.wrong", /** @type {Error} */ (error).message));
		}
	};
	return h(
		"form",
		{
			submit: (/** @type {Event} */ event) => {
				event.preventDefault();
				run();
			}
		},
		soft(text),
		address,
		content && [
			examples.length > 1 &&
				h(
					"p",
					chosen(
						"Example",
						examples.map(([name]) => name),
						take
					)
				),
			area
		],
		h(
			"p.tools",
			h("button.main", "Send"),
			copying("Copy as curl", () => curl(absolute(address.value), content && area.value, operation.security, `-X ${method} `))
		),
		out
	);
}

/**
 * Bodies that work, with their titles: the description's own, or of the model's usual row.
 * @param {App} app
 * @param {string} path
 * @param {any} content
 * @returns {[string, unknown][]}
 */
function bodies(app, path, content) {
	if (content.examples) return Object.entries(content.examples).map(([name, each]) => [name, each.value]);
	const row = app.example();
	const { inputs } = app.info;
	if (path.endsWith("predict")) return [["", { instances: [row] }]];
	if (!path.endsWith("infer")) return [["", {}]];
	const tensors = inputs.map(({ name, kind }, place) => ({
		name,
		shape: [1],
		datatype: kind !== "numeric" && typeof row[place] === "number" ? "INT64" : DATATYPES[kind],
		data: [row[place]]
	}));
	return [["", { inputs: tensors }]];
}

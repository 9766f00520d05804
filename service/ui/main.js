// The shell: which model, which part, whether the service is there. The page's places are hash routes.

import { byId, fill, h } from "./dom.js";
import { usual } from "./row.js";
import { getJson, gone, hasKey, postJson, ServiceError, send } from "./service.js";
import { short, visible } from "./text.js";

const LOOK_MS = 5000;
const REMEMBER_MS = 300;
const DIGEST = 8;
/** Each a module of its name. */
const PARTS = ["try", "why", "batch", "model", "live", "drift", "versions", "api"];
/** Those whose address has the row. */
const ROW_PARTS = ["try", "why"];

let part = "";
let shown = new AbortController();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let remembering;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retrying;
/** @type {(() => unknown) | undefined} */
let retry;

/** @type {App} */
const app = {
	info: /** @type {any} */ (null),
	row: [],
	model: null,
	version: null,
	keyed: hasKey,
	example: () => app.info.inputs.map(usual),
	path: end => (app.model ? of(app.model, app.version, end) : end),
	file: end => of(app.info.model, app.info.version, end),
	hash(to) {
		const query = chosen();
		if (ROW_PARTS.includes(to)) {
			query.set("row", JSON.stringify(app.row));
			query.set("inputs", app.info.inputs_digest.slice(0, DIGEST));
		}
		return `#${to}${query.size ? "?" : ""}${query}`;
	},
	remember() {
		clearTimeout(remembering);
		remembering = setTimeout(() => ROW_PARTS.includes(part) && history.replaceState(null, "", app.hash(part)), REMEMBER_MS);
	},
	async follow() {
		if ((await inform()).digest === app.info.digest) return;
		history.replaceState(null, "", app.hash(part));
		go();
	},
	say(error, again) {
		const notice = byId("notice");
		// What nobody asks again stays until a person goes elsewhere.
		if (!error && !retry) return;
		clearTimeout(retrying);
		retry = error?.passes ? again : undefined;
		notice.hidden = !error;
		notice.textContent = (error?.message ?? "") + (retry ? " It is asked again." : "");
		if (retry) retrying = setTimeout(() => retry?.(), 1000 * (error?.retryAfter ?? 1));
	}
};

/** @param {string} model @param {string | null} version @param {string} end */
const of = (model, version, end) => ["models", model, ...(version ? ["versions", version] : []), end].map(encodeURIComponent).join("/");

/** The model and version that a person chose; nothing is the default one. */
const chosen = () => {
	/** @type {any[]} */
	const found = Object.entries({ model: app.model, version: app.version });
	return new URLSearchParams(found.filter(([, each]) => each));
};

/** @param {AbortSignal} [signal] */
const inform = signal => getJson(`info?${chosen()}`, signal);

/** @param {AbortSignal} signal */
async function load(signal) {
	try {
		app.info = await inform(signal);
	} catch (error) {
		if (/** @type {any} */ (error).status !== 404) throw error;
		// The version of a link may be retired, or the default model not loaded: another one answers.
		const index = await postJson("v2/repository/index", { ready: true });
		const [other] = index.filter((/** @type {any} */ each) => each.name === app.model).concat(index);
		if (!other) return gone();
		app.say(new ServiceError(`${visible(app.model ?? "The default model")} is not loaded here.`, 404));
		app.model = other.name;
		app.version = null;
		app.info = await inform(signal);
	}
	const { model, models, version } = app.info;
	fill(
		byId("model"),
		models.map((each, place) =>
			h(
				"option",
				{ value: place, selected: each.model === model && each.version === version },
				`${short(each.model)} · ${each.version}`,
				each.current && " (current)"
			)
		)
	);
	document.title = `${visible(model)} · logitserve`;
}

/** Go where the hash says; a row of other inputs than the model's is no row. */
async function go() {
	const [to, query] = location.hash.slice(1).split(/\?(.*)/s);
	const asked = new URLSearchParams(query);
	if (to === "main" && app.info) return;
	// Now the notice goes also if nobody was to ask again.
	retry = go;
	app.say(null);
	shown.abort();
	shown = new AbortController();
	const { signal } = shown;
	try {
		const before = app.info?.inputs_digest;
		app.model = asked.get("model");
		app.version = asked.get("version");
		await load(signal);
		if (before !== app.info.inputs_digest) app.row = app.example();
		const row = asked.get("row");
		if (row && row !== JSON.stringify(app.row)) take(row, asked.get("inputs") ?? "");
		part = PARTS.includes(to) ? to : "try";
		await show(signal);
	} catch (error) {
		if (signal.aborted) return;
		fill(byId("main"));
		app.say(/** @type {ServiceError} */ (error), go);
	}
}

/** @param {string} text @param {string} digest */
function take(text, digest) {
	let row;
	try {
		row = JSON.parse(text);
	} catch {} // a link that was cut
	const { inputs, inputs_digest } = app.info;
	if (Array.isArray(row) && row.length === inputs.length && row.every(each => each !== Object(each)) && inputs_digest.startsWith(digest))
		app.row = row;
	else app.say(new ServiceError("The row of this link is of other inputs than this model's.", 422));
}

/** @param {AbortSignal} signal */
async function show(signal) {
	for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("nav a")))
		link.ariaCurrent = link.dataset.part === part ? "page" : null;
	const module = await import(`./${part}.js`).catch(gone);
	const made = await module.view(app, signal);
	if (signal.aborted) return;
	byId("main").className = part;
	fill(byId("main"), h("h2", part), made);
}

/** Look whether the service answers, while a person looks at the page. */
async function look() {
	if (document.hidden) return;
	const state = byId("state");
	const before = state.textContent;
	let text = "ready";
	try {
		const answer = await send("readyz");
		if (!answer.ok) text = `not ready: ${(await answer.json()).error}`;
	} catch {
		text = "does not answer";
	}
	state.className = text === "ready" ? "good" : "bad";
	if (text === before) return;
	state.textContent = text;
	if (text === "ready") retry?.();
}

fill(
	byId("parts"),
	PARTS.map(each => h("a", { href: `#${each}`, "data-part": each }, each))
);
addEventListener("click", event => {
	// A link to a part carries the model and the row of now.
	/** @type {any} */
	const target = event.target;
	const link = target.closest?.("a[data-part]");
	if (link && app.info) link.href = app.hash(link.dataset.part);
});
byId("model").addEventListener("change", () => {
	const { model, version, current } = app.info.models[+byId("model").value];
	location.hash = `${part}?${new URLSearchParams(current ? { model } : { model, version })}`;
});
addEventListener("hashchange", go);
addEventListener("visibilitychange", look);
addEventListener("unhandledrejection", ({ reason }) => {
	if (reason?.name !== "AbortError") app.say(reason instanceof ServiceError ? reason : new ServiceError(`The page failed: ${reason}`, 1));
});
setInterval(look, LOOK_MS);
await go();
look();
// A part that is opened for the first time while the service is away is here by then.
for (const each of PARTS) import(`./${each}.js`).catch(() => 0);

// Talks to the service that the page came from. The key stays in this module, and leaves it in requests to the
// service alone.

import { byId } from "./dom.js";

let key = "";
/** @type {Promise<void> | null} */
let asking = null;

/** What the service refused, or that it does not answer. */
export class ServiceError extends Error {
	/**
	 * @param {string} message
	 * @param {number} status 0 where there was no answer
	 * @param {any[]} details
	 */
	constructor(message, status, details = [], retryAfter = 1) {
		super(message);
		this.status = status;
		this.details = details;
		this.retryAfter = retryAfter;
	}

	/** Whether to ask again later may help: it drains, restarts, has too much to do, or is gone. */
	get passes() {
		return !this.status || this.status > 501;
	}
}

/** @returns {never} */
export const gone = () => {
	throw new ServiceError("The service does not answer.", 0);
};

/** Nothing, where the service refused; whatever else went wrong goes on. @param {unknown} error @returns {any[]} */
export const refused = error => {
	if (error instanceof ServiceError) return [];
	throw error;
};

/** @param {string} path */
export const absolute = path => new URL(path, document.baseURI).href;

export const JSON_TYPE = { "Content-Type": "application/json" };
export const hasKey = () => key !== "";

/**
 * Ask a person for a key, once however many requests want one. Resolves when there is one; never, if there is none.
 * @param {string} sentence
 */
export function ask(sentence) {
	const [dialog, keyed] = [byId("ask"), byId("keyed")];
	byId("asked").textContent = sentence;
	const open = () => dialog.open || dialog.showModal();
	open();
	asking ??= new Promise(resolve => {
		const field = byId("key");
		keyed.hidden = false;
		keyed.onclick = open;
		byId("later").onclick = () => dialog.close();
		dialog.querySelector("form").onsubmit = () => {
			// No header could carry other letters, and no key has them.
			key = field.value.replace(/[^!-~]/g, "");
			field.value = "";
			keyed.textContent = "Another key";
			asking = null;
			resolve();
		};
	});
	return asking;
}

/**
 * Send a request as it is, with the key.
 * @param {string} path relative: the page may stand behind a proxy's path
 * @param {RequestInit} options
 */
export async function send(path, options = {}) {
	const headers = { ...options.headers, ...(key && { "X-API-Key": key }) };
	try {
		return await fetch(path, { ...options, headers, cache: "no-store" });
	} catch (error) {
		if (options.signal?.aborted) throw error;
		return gone();
	}
}

/**
 * Send a request; ask for a key where one is wanted. Throws ServiceError with the service's own sentence.
 * @param {string} path
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
export async function request(path, options = {}) {
	const given = key;
	const answer = await send(path, options);
	if (answer.ok) return answer;
	const { status } = answer;
	if (status === 401) {
		if (given === key) await ask((key ? "This key is not known" : "This service asks for a key") + ": wanted is one that may predict.");
		return request(path, options);
	}
	const said = await answer.json().catch(() => ({}));
	throw new ServiceError(
		said.error ?? `The service answered ${status}.`,
		status,
		said.details,
		Number(answer.headers.get("retry-after")) || 1
	);
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @param {RequestInit} [more]
 */
export const getJson = async (path, signal, more) => (await request(path, { signal, ...more })).json().catch(gone);

/**
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 */
export const postJson = (path, body, signal) => getJson(path, signal, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) });

/**
 * Look now and then while a person does, and again when the service is back.
 * @param {App} app
 * @param {AbortSignal} signal
 * @param {number} everyMs
 * @param {() => Promise<unknown>} look
 * @param {() => unknown} [miss] what to do where there is no answer
 */
export function watch(app, signal, everyMs, look, miss) {
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer;
	const run = async () => {
		clearTimeout(timer);
		if (signal.aborted || document.hidden) return;
		try {
			await look();
			app.say(null);
		} catch (error) {
			if (signal.aborted) return;
			app.say(/** @type {any} */ (error), run);
			miss?.();
		}
		timer = setTimeout(run, everyMs);
	};
	addEventListener("visibilitychange", run, { signal });
	run();
}

/** @param {number} ms @returns {Promise<void>} */
export const wait = ms => new Promise(resolve => setTimeout(resolve, ms));

/**
 * Have `run` done at most so often, one at a time, and for what was last asked.
 * @param {() => Promise<void>} run
 */
export function paced(run, gapMs = 50) {
	let wanted = false;
	let busy = false;
	return async () => {
		wanted = true;
		if (busy) return;
		busy = true;
		while (wanted) {
			wanted = false;
			const next = wait(gapMs);
			await run();
			await next;
		}
		busy = false;
	};
}

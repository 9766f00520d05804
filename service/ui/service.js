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

export const JSON_TYPE = { "Content-Type": "application/json" };
export const hasKey = () => key !== "";

/**
 * Ask a person for a key, once however many requests want one. Resolves when there is one; never, if there is none.
 * @param {string} sentence
 */
export function ask(sentence) {
	const dialog = byId("ask");
	byId("asked").textContent = sentence;
	if (!dialog.open) dialog.showModal();
	asking ??= new Promise(resolve => {
		const field = byId("key");
		byId("keyed").hidden = false;
		byId("keyed").onclick = () => dialog.open || dialog.showModal();
		byId("later").onclick = () => dialog.close();
		dialog.querySelector("form").onsubmit = () => {
			// No header could carry other letters, and no key has them.
			key = field.value.replace(/[^!-~]/g, "");
			field.value = "";
			byId("keyed").textContent = "Another key";
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
	const headers = new Headers(options.headers);
	if (key) headers.set("X-API-Key", key);
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
 */
export const getJson = async (path, signal) => (await request(path, { signal })).json().catch(gone);

/**
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 */
export async function postJson(path, body, signal) {
	return (await request(path, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body), signal })).json().catch(gone);
}

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
			const next = new Promise(resolve => setTimeout(resolve, gapMs));
			await run();
			await next;
		}
		busy = false;
	};
}

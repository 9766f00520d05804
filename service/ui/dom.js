// Elements as expressions. Whatever a model or a file names is text, and stays text.

import { short, visible } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * Add children to an element: elements, texts, numbers, lists of them; null and false are nothing.
 * @param {Element} element
 * @param {Child[]} children
 */
export function add(element, ...children) {
	for (const child of children.flat(9)) {
		if (child !== null && child !== undefined && child !== false) element.append(/** @type {Node} */ (child));
	}
	return element;
}

/**
 * Set attributes; a function is a listener, true an attribute without a value, and null or false none.
 * @param {Element} element
 * @param {Props} props
 */
function dress(element, props) {
	for (const [name, value] of Object.entries(props)) {
		if (typeof value === "function") element.addEventListener(name, /** @type {EventListener} */ (value));
		else if (value === true) element.setAttribute(name, "");
		else if (value !== null && value !== false && value !== undefined) element.setAttribute(name, String(value));
	}
}

/**
 * Make an element of HTML.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props} props
 * @param {Child[]} children
 */
export function h(tag, props = {}, ...children) {
	const element = document.createElement(tag);
	dress(element, props);
	add(element, ...children);
	return element;
}

/**
 * Make an element of SVG.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Props} props
 * @param {Child[]} children
 */
export function s(tag, props = {}, ...children) {
	const element = document.createElementNS(SVG, tag);
	dress(element, props);
	add(element, ...children);
	return element;
}

/**
 * Put children in the place of what an element holds.
 * @param {Element} element
 * @param {Child[]} children
 */
export function fill(element, ...children) {
	element.replaceChildren();
	add(element, ...children);
}

/**
 * A name as an element of its own direction; all of it is its title.
 * @param {string} text
 */
export const name = (text, width = 30) => h("bdi", { title: visible(text) }, short(text, width));

/**
 * A paragraph of less weight.
 * @param {Child[]} children
 */
export const soft = (...children) => h("p", { class: "soft" }, children);

/**
 * @param {string} text
 * @param {(event: any) => unknown} click
 */
export const button = (text, click, kind = "") => h("button", { type: "button", click, class: kind }, text);

/**
 * What is shown when a person asks for it.
 * @param {Child} title
 * @param {Child[]} children
 */
export const folded = (title, ...children) => h("details", {}, h("summary", {}, title), children);

/**
 * A choice of one among texts; its value is the place.
 * @param {string[]} texts
 * @param {(place: number) => unknown} chosen
 */
export function choice(texts, chosen, now = 0, props = {}) {
	const found = h(
		"select",
		{ ...props, change: () => chosen(+found.value) },
		texts.map((each, place) => h("option", { value: place }, each))
	);
	found.value = String(now);
	return found;
}

/**
 * Find what the page certainly has.
 * @param {string} id
 * @returns {any}
 */
export const byId = id => document.getElementById(id);

/**
 * A table; the first cell of a row heads it, and numbers stand to the right.
 * @param {string} caption
 * @param {Child[]} head
 * @param {Child[][]} rows
 */
export function table(caption, head, rows) {
	const cell = (/** @type {Child} */ each, /** @type {number} */ place) =>
		place ? h("td", {}, typeof each === "number" ? each.toLocaleString("en") : each) : h("th", { scope: "row" }, each);
	return h(
		"div",
		{ class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
		h(
			"table",
			{},
			h("caption", {}, caption),
			h(
				"thead",
				{},
				h(
					"tr",
					{},
					head.map(each => h("th", { scope: "col" }, each))
				)
			),
			h(
				"tbody",
				{},
				rows.map(row => h("tr", {}, row.map(cell)))
			)
		)
	);
}

/**
 * Copy a text. Where the page is no secure context the text is shown, selected, for a person to copy.
 * @param {string} text
 * @param {HTMLElement} button
 */
export async function copy(text, button) {
	const label = button.textContent;
	try {
		await navigator.clipboard.writeText(text);
		button.textContent = "Copied";
		setTimeout(() => (button.textContent = label), 1500);
	} catch {
		const area = h("textarea", { class: "copied", readonly: true, "aria-label": "Text to copy" });
		area.value = text;
		button.parentElement?.querySelector(".copied")?.remove();
		button.parentElement?.append(area);
		area.focus();
		area.select();
	}
}

/**
 * Give a file to the person.
 * @param {string} name
 * @param {Blob} blob
 */
export function save(name, blob) {
	const url = URL.createObjectURL(blob);
	h("a", { href: url, download: name }).click();
	setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

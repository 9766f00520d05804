// Elements as expressions. Whatever a model or a file names is text, and stays text.

import { short, visible } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";

/** @param {unknown} value */
const there = value => value !== undefined && value !== null && value !== false;

/**
 * What of these is to be seen: elements, texts, numbers, lists of them; null and false are nothing.
 * @param {Child[]} children
 * @returns {any[]}
 */
const nodes = children => children.flat(9).filter(there);

/** @param {Element} element @param {Child[]} children */
export const add = (element, ...children) => element.append(...nodes(children));

/**
 * Put children in the place of what an element holds.
 * @param {Element} element
 * @param {Child[]} children
 */
export const fill = (element, ...children) => element.replaceChildren(...nodes(children));

/**
 * Make an element that a style sheet would call so: "p.soft". Attributes may come before the children; a function is a
 * listener, true an attribute without a value, and null or false none.
 * @param {(tag: string) => Element} create
 * @param {string} path
 * @param {(Props | Child)[]} all
 */
function make(create, path, all) {
	const [tag, look] = path.split(".");
	const element = create(tag);
	const props = all[0]?.constructor === Object ? all.shift() : {};
	for (const [name, value] of Object.entries({ class: look, .../** @type {any} */ (props) })) {
		if (typeof value === "function") element.addEventListener(name, value);
		else if (there(value)) element.setAttribute(name, value === true ? "" : value);
	}
	add(element, /** @type {Child[]} */ (all));
	return element;
}

/**
 * Make an element of HTML.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T | `${T}.${string}`} path
 * @param {(Props | Child)[]} all
 * @returns {HTMLElementTagNameMap[T]}
 */
export const h = (path, ...all) => /** @type {any} */ (make(tag => document.createElement(tag), path, all));

/**
 * Make an element of SVG.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T | `${T}.${string}`} path
 * @param {(Props | Child)[]} all
 * @returns {SVGElementTagNameMap[T]}
 */
export const s = (path, ...all) => /** @type {any} */ (make(tag => document.createElementNS(SVG, tag), path, all));

/**
 * A name as an element of its own direction; all of it is its title.
 * @param {string} text
 */
export const name = (text, width = 30) => h("bdi", { title: visible(text) }, short(text, width));

/**
 * Names in a sentence; only the first ones of many.
 * @param {string[]} texts
 */
export const names = (texts, most = 8) => [
	texts.slice(0, most).map((each, place) => [place > 0 && ", ", name(each)]),
	texts.length > most && ` and ${texts.length - most} more`
];

/**
 * A paragraph of less weight.
 * @param {Child[]} children
 */
export const soft = (...children) => h("p.soft", children);

/**
 * @param {string} text
 * @param {(event: any) => unknown} click
 */
export const button = (text, click, look = "") => h(`button.${look}`, { type: "button", click }, text);

/**
 * What is shown when a person asks for it.
 * @param {Child} title
 * @param {Child[]} children
 */
export const folded = (title, ...children) => h("details", h("summary", title), children);

/**
 * The same, made when it is first seen.
 * @param {Child} title
 * @param {() => Element} content
 */
export const lazily = (title, content) => {
	const found = folded(title);
	found.addEventListener("toggle", () => found.append(content()), { once: true });
	return found;
};

/**
 * A choice of one among texts; its value is the place.
 * @param {Cell[]} texts
 * @param {(place: number) => unknown} chosen
 */
export const choice = (texts, chosen, now = 0, props = {}) =>
	h(
		"select",
		{ ...props, change: (/** @type {any} */ event) => chosen(+event.target.value) },
		texts.map((each, place) => h("option", { value: place, selected: place === now }, short(String(each), 60)))
	);

/**
 * A choice with what it is of before it.
 * @param {string} title
 * @param {Parameters<typeof choice>} of
 */
export const chosen = (title, ...of) => h("label", title, " ", choice(...of));

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
		place ? h("td", typeof each === "number" ? each.toLocaleString("en") : each) : h("th", { scope: "row" }, each);
	return h(
		"div.scroll",
		{ tabindex: 0, role: "region", "aria-label": caption },
		h(
			"table",
			h("caption", caption),
			h(
				"thead",
				h(
					"tr",
					head.map(each => h("th", { scope: "col" }, each))
				)
			),
			h(
				"tbody",
				rows.map(row => h("tr", row.map(cell)))
			)
		)
	);
}

/**
 * What things are, by their names.
 * @param {string} look
 * @param {[Child, Child][]} all
 */
export const facts = (look, all) =>
	h(
		`dl.${look}`,
		all.map(([title, fact]) => h("div", h("dt", title), h("dd", fact)))
	);

/**
 * A button that copies a text. Where the page is no secure context the text is shown, selected, for a person to copy.
 * @param {string} title
 * @param {() => string} text
 */
export function copying(title, text) {
	const found = button(title, async () => {
		try {
			await navigator.clipboard.writeText(text());
			found.textContent = "Copied";
			setTimeout(() => (found.textContent = title), 1500);
		} catch {
			const area = h("textarea.copied", { readonly: true, "aria-label": "Text to copy" }, text());
			document.querySelector(".copied")?.remove();
			found.after(area);
			area.focus();
			area.select();
		}
	});
	return found;
}

/**
 * Shares as bars, one below the other; what they say stands beside them as text.
 * @param {(readonly [look: string, share: number])[]} shares
 */
export const bars = (...shares) =>
	s(
		"svg",
		{ viewBox: `0 0 100 ${shares.length}`, preserveAspectRatio: "none", "aria-hidden": "true" },
		shares.map(([look, share], y) => s(`rect.${look}`, { y, width: Math.max(share * 100, 0.3), height: 1 }))
	);

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

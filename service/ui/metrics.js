// The text of /metrics, and what two scrapes say together. Pure.

/**
 * Samples by name, without our own prefix: labels and value. A line that is no sample is passed over.
 * @param {string} text
 * @returns {Map<string, Sample[]>}
 */
export function parse(text) {
	/** @type {Map<string, Sample[]>} */
	const found = new Map();
	for (const line of text.split("\n")) {
		const match = /^(?:logitserve_)?([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)/.exec(line);
		if (!match) continue;
		const [, name, inner, value] = match;
		const pairs = [...(inner ?? "").matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)];
		const labels = Object.fromEntries(
			pairs.map(([, label, raw]) => [label, raw.replace(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter))])
		);
		const number = Number(value.replace("Inf", "Infinity"));
		const own = found.get(name) ?? [];
		own.push({ labels, value: number });
		found.set(name, own);
	}
	return found;
}

/**
 * How much each series of a counter grew: one that fell began again at 0, and one that is new began there.
 * @param {Sample[]} [before]
 * @param {Sample[]} [now]
 * @returns {Sample[]}
 */
export function grown(before = [], now = []) {
	/** @param {Sample} each */
	const key = each => JSON.stringify(each.labels);
	const old = new Map(before.map(each => [key(each), each.value]));
	return now.map(each => {
		const was = old.get(key(each)) ?? 0;
		return { labels: each.labels, value: each.value >= was ? each.value - was : each.value };
	});
}

/**
 * @param {Sample[]} [samples]
 * @param {(labels: Sample["labels"]) => boolean} [counts]
 */
export const total = (samples = [], counts = () => true) => samples.reduce((sum, each) => sum + (counts(each.labels) ? each.value : 0), 0);

/**
 * A quantile of a histogram's growth, straight within a bucket as PromQL has it; NaN of an empty one.
 * @param {Sample[]} buckets
 * @param {number} share
 */
export function quantile(buckets, share) {
	/** @type {Map<number, number>} */
	const counts = new Map();
	for (const { labels, value } of buckets) {
		const edge = Number(labels.le.replace("Inf", "Infinity"));
		counts.set(edge, (counts.get(edge) ?? 0) + value);
	}
	const edges = [...counts].sort(([a], [b]) => a - b);
	const all = edges.length ? edges[edges.length - 1][1] : 0;
	if (!all) return Number.NaN;
	const rank = share * all;
	let [from, below] = [0, 0];
	for (const [edge, count] of edges) {
		if (count >= rank) {
			if (edge === Infinity) return from;
			return count > below ? from + ((edge - from) * (rank - below)) / (count - below) : edge;
		}
		[from, below] = [edge, count];
	}
	return from;
}

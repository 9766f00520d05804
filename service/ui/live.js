// The service as it runs: rates, latencies, batches and queue of the last minutes, while a person looks.

import { lines } from "./chart.js";
import { facts, fill, h, name, soft, table } from "./dom.js";
import { grown, parse, quantile, total } from "./metrics.js";
import { request, watch } from "./service.js";
import { number, percent, seconds, short } from "./text.js";

const EVERY_MS = 5000;
const KEPT_MS = 600_000;
const MOST_INSTANCES = 20;
const MOST_LABELS = 30;
const MINUTES = [-10, -8, -6, -4, -2, 0];
const LABELS = "predictions_total";

/** @typedef {{ at: number, of: Map<string, Sample[]> }} Scrape */
/** @typedef {{ rate: number, errors: number, p50: number, p99: number, rows: number, waiting: number }} Figures */
/** @typedef {Figures & { at: number }} Point */

/**
 * What two scrapes of one service say of the time between them.
 * @param {Scrape} before
 * @param {Scrape} now
 * @returns {Point}
 */
export function between(before, now) {
	/** @param {string} each */
	const growth = each => grown(before.of.get(each), now.of.get(each));
	const ours = (/** @type {Sample} */ { labels }) => /predict|infer/.test(labels.route);
	const answered = growth("http_requests_total").filter(ours);
	const buckets = growth("http_request_duration_seconds_bucket").filter(ours);
	const all = total(answered);
	return {
		at: now.at,
		rate: (all / (now.at - before.at)) * 1000,
		errors: total(answered, ({ code }) => code >= "500") / all,
		p50: quantile(buckets, 0.5),
		p99: quantile(buckets, 0.99),
		rows: total(growth("batch_rows_sum")) / total(growth("batch_rows_count")),
		waiting: total(now.of.get("pending_requests"))
	};
}

/** @type {View} */
export function view(app, signal) {
	const said = soft("The first figures come after two looks, 5 s apart.");
	const [tiles, charts, shares] = [h("div"), h("div.charts"), h("div")];
	/** @type {Map<string, { first: Scrape, last: Scrape, points: Point[] }>} */
	const instances = new Map();

	const look = async () => {
		const text = await (await request("metrics", { signal })).text();
		take({ at: Date.now(), of: parse(text) });
	};
	const miss = () => {
		for (const each of instances.values()) keep(each.points, /** @type {any} */ ({ at: Date.now() }));
	};

	/** @param {Point[]} points @param {Point} point */
	const keep = (points, point) => {
		points.push(point);
		while (point.at - points[0].at > KEPT_MS) points.shift();
	};

	/** @param {Scrape} scrape */
	const take = scrape => {
		// Several services may answer behind one balancer, each with counters of its own.
		const id = scrape.of.get("instance_info")?.[0].labels.id ?? "";
		const own = instances.get(id) ?? { first: scrape, last: scrape, points: [] };
		if (instances.has(id)) keep(own.points, between(own.last, scrape));
		instances.set(id, own);
		own.last = scrape;
		if (instances.size > MOST_INSTANCES) instances.delete([...instances.keys()][0]);
		if (own.points.length) draw(id, own.first, scrape, own.points);
	};

	/** @param {string} id @param {Scrape} first @param {Scrape} last @param {Point[]} points */
	const draw = (id, first, last, points) => {
		const now = /** @type {Point} */ (points.at(-1));
		/** @type {[string, string][]} */
		const told = [
			["Requests a second", number(now.rate, 3)],
			["Errors (5xx)", Number.isNaN(now.errors) ? "none asked" : percent(now.errors)],
			["p50", seconds(now.p50)],
			["p99", seconds(now.p99)],
			["Rows a batch", number(now.rows, 3)],
			["Waiting", number(now.waiting)],
			["Workers ready", number(total(last.of.get("worker_up")))]
		];
		fill(tiles, facts("tiles", told));
		fill(
			said,
			`All processes of service ${id}, each 5 s.`,
			instances.size > 1 && ` ${instances.size - 1} more answered behind this address.`
		);
		const open = [...charts.querySelectorAll("details")].map(each => each.open);
		/** @type {(title: string, unit: string, keys: (keyof Figures)[], told?: (value: number) => string) => Child} */
		const chart = (title, unit, keys, tell) =>
			lines(
				title,
				{ name: "minutes ago", ticks: MINUTES, told: value => number(Math.abs(value), 2) },
				{ name: unit, told: tell },
				keys.map(key => ({ name: key, points: points.map(each => [(each.at - last.at) / 60_000, each[key]]) }))
			);
		if (!charts.contains(document.activeElement))
			fill(
				charts,
				chart("Requests for predictions", "a second", ["rate"]),
				chart("Latency", "seconds", ["p50", "p99"]),
				chart("Errors (5xx)", "share", ["errors"], percent),
				chart("Rows a batch", "rows", ["rows"]),
				chart("Requests that wait", "requests", ["waiting"])
			);
		charts.querySelectorAll("details").forEach((each, place) => {
			each.open = open[place];
		});
		const counts = new Map();
		const own = grown(first.of.get(LABELS), last.of.get(LABELS)).filter(({ labels }) => labels.model === app.info.model);
		for (const { labels, value } of own) counts.set(labels.label, (counts.get(labels.label) ?? 0) + value);
		const all = total(own);
		fill(
			shares,
			all > 0 &&
				table(
					`Answers of ${short(app.info.model)} since this page looks`,
					["Label", "Rows", "Share"],
					[...counts]
						.sort(([, a], [, b]) => b - a)
						.slice(0, MOST_LABELS)
						.map(([label, count]) => [name(label), count, percent(count / all)])
				)
		);
	};

	watch(app, signal, EVERY_MS, look, miss);
	return [said, tiles, charts, shares];
}

// The service as it runs: rates, latencies, batches and queue of the last minutes, while a person looks.

import { lines } from "./chart.js";
import { fill, h, name, soft, table } from "./dom.js";
import { grown, parse, quantile, total } from "./metrics.js";
import { request } from "./service.js";
import { number, percent, seconds, short } from "./text.js";

const EVERY_MS = 5000;
const KEPT_MS = 600_000;
const MOST_INSTANCES = 20;
const MOST_LABELS = 30;
const MINUTES = [-10, -8, -6, -4, -2, 0];
const NONE = Number.NaN;
const GONE = { rate: NONE, errors: NONE, p50: NONE, p99: NONE, rows: NONE, waiting: NONE };
const LABELS = "logitserve_predictions_total";

/** @typedef {{ at: number, of: Map<string, Sample[]> }} Scrape */
/** @typedef {typeof GONE & { at: number }} Point */

/**
 * What two scrapes of one service say of the time between them.
 * @param {Scrape} before
 * @param {Scrape} now
 * @returns {Point}
 */
export function between(before, now) {
	const growth = (/** @type {string} */ each) => grown(before.of.get(each) ?? [], now.of.get(each) ?? []);
	const ours = (/** @type {Map<string, string>} */ labels) => /predict|infer/.test(labels.get("route") ?? "");
	const answered = growth("logitserve_http_requests_total").filter(each => ours(each.labels));
	const buckets = growth("logitserve_http_request_duration_seconds_bucket").filter(each => ours(each.labels));
	const all = total(answered);
	return {
		at: now.at,
		rate: (all / (now.at - before.at)) * 1000,
		errors: total(answered, labels => (labels.get("code") ?? "") >= "500") / all,
		p50: quantile(buckets, 0.5),
		p99: quantile(buckets, 0.99),
		rows: total(growth("logitserve_batch_rows_sum")) / total(growth("logitserve_batch_rows_count")),
		waiting: total(now.of.get("logitserve_pending_requests") ?? [])
	};
}

/** @type {View} */
export function view(app, signal) {
	const said = soft("The first figures come after two looks, 5 s apart.");
	const [tiles, charts, shares] = [h("dl", { class: "tiles" }), h("div", { class: "charts" }), h("div", {})];
	/** @type {Map<string, { first: Scrape, last: Scrape, points: Point[] }>} */
	const instances = new Map();
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer;

	const look = async () => {
		clearTimeout(timer);
		if (signal.aborted || document.hidden) return;
		try {
			const text = await (await request("metrics", { signal })).text();
			app.say(null);
			take({ at: Date.now(), of: parse(text) });
		} catch (error) {
			if (signal.aborted) return;
			app.say(/** @type {any} */ (error), look);
			for (const each of instances.values()) keep(each.points, { ...GONE, at: Date.now() });
		}
		timer = setTimeout(look, EVERY_MS);
	};

	/** @param {Point[]} points @param {Point} point */
	const keep = (points, point) => {
		points.push(point);
		while (point.at - points[0].at > KEPT_MS) points.shift();
	};

	/** @param {Scrape} scrape */
	const take = scrape => {
		// Several services may answer behind one balancer, each with counters of its own.
		const id = scrape.of.get("logitserve_instance_info")?.[0].labels.get("id") ?? "";
		const own = instances.get(id) ?? { first: scrape, last: scrape, points: [] };
		if (instances.has(id)) keep(own.points, between(own.last, scrape));
		instances.set(id, own);
		own.last = scrape;
		if (instances.size > MOST_INSTANCES) instances.delete([...instances.keys()][0]);
		if (own.points.length) draw(id, own.first, scrape, own.points);
	};

	/** @param {string} id @param {Scrape} first @param {Scrape} last @param {Point[]} points */
	const draw = (id, first, last, points) => {
		const now = points[points.length - 1];
		/** @type {[string, string][]} */
		const told = [
			["Requests a second", number(now.rate, 3)],
			["Errors (5xx)", Number.isNaN(now.errors) ? "none asked" : percent(now.errors)],
			["p50", seconds(now.p50)],
			["p99", seconds(now.p99)],
			["Rows a batch", number(now.rows, 3)],
			["Waiting", number(now.waiting)],
			["Workers ready", number(total(last.of.get("logitserve_worker_up") ?? []))]
		];
		fill(
			tiles,
			told.map(([title, value]) => h("div", {}, h("dt", {}, title), h("dd", {}, value)))
		);
		fill(
			said,
			`All processes of service ${id}, each 5 s.`,
			instances.size > 1 && ` ${instances.size - 1} more answered behind this address.`
		);
		const open = [...charts.querySelectorAll("details")].map(each => each.open);
		/** @type {(title: string, unit: string, keys: (keyof typeof GONE)[], told?: (value: number) => string) => Child} */
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
		for (const { labels, value } of grown(first.of.get(LABELS) ?? [], last.of.get(LABELS) ?? [])) {
			if (labels.get("model") === app.info.model) counts.set(labels.get("label"), (counts.get(labels.get("label")) ?? 0) + value);
		}
		const all = [...counts.values()].reduce((sum, each) => sum + each, 0);
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

	addEventListener("visibilitychange", look, { signal });
	look();
	return [said, tiles, charts, shares];
}

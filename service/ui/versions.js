// Which versions answer, in what they differ, and which do not answer and why.

import { h, name, soft, table } from "./dom.js";
import { getJson } from "./service.js";
import { number, visible } from "./text.js";

const MOST = 12;

/** @type {View} */
export async function view(app) {
	const { inputs_digest, model, models, refused } = app.info;
	const own = models.filter(each => each.model === model).slice(-MOST);
	/** @type {Info[]} */
	const versions = await Promise.all(own.map(({ version }) => getJson(`info?${new URLSearchParams({ model, version })}`)));
	/** @type {[string, (each: Info) => Child][]} */
	const facts = [
		["Current", each => own.find(({ version }) => version === each.version)?.current && "yes"],
		["Digest", each => h("code", each.digest.slice(0, 12))],
		["Made", each => each.created.slice(0, 16).replace("T", " ")],
		["Train rows", each => each.data?.rows.train],
		["C", each => number(each.fit?.penalty)],
		["Threshold", each => number(each.threshold)],
		["Log-loss", each => number(each.metrics.test?.log_loss)],
		["ROC AUC", each => number(each.metrics.test?.roc_auc)],
		["Inputs", each => (each.inputs_digest === inputs_digest ? "the same" : h("b", "others: send rows by name"))]
	];
	return [
		table(
			`Versions of ${visible(model)}; figures are of each one's own test rows`,
			["Version", ...facts.map(([title]) => title)],
			versions.map(each => [each.version, ...facts.map(([, of]) => of(each))])
		),
		refused.length
			? table(
					"Refused",
					["Model", "Version", "Why", "In words"],
					refused.map(each => [name(each.model), each.version, each.reason, visible(each.message)])
				)
			: soft("Nothing was refused.")
	];
}

// What the page's modules hand each other. Ambient: the page itself loads no types.

type Child = Node | string | number | boolean | null | undefined | readonly Child[];
type Props = Record<string, unknown>;
type Cell = number | string | boolean | null;

interface Missing {
	admitted: boolean;
}
interface Numeric {
	kind: "numeric";
	name: string;
	unit: string | null;
	missing: Missing;
	reference: {
		min: number;
		max: number;
		mean: number;
		bins: { edges: number[]; shares: number[] } | null;
	};
}
interface Bool {
	kind: "boolean";
	name: string;
	unit: string | null;
	missing: Missing;
	texts: Record<string, boolean>;
	reference: { true: number; false: number };
}
interface Categorical {
	kind: "categorical";
	name: string;
	unit: string | null;
	missing: Missing;
	categories: (string | number)[];
	rare: (string | number)[];
	reference: { shares: number[]; rare: number };
}
type Input = Numeric | Bool | Categorical;

interface Info {
	model: string;
	version: string;
	digest: string;
	inputs_digest: string;
	models: { model: string; version: string; digest: string; current: boolean }[];
	refused: { model: string; version: string | null; reason: string; message: string }[];
	device: string | null;
	created: string;
	inputs: Input[];
	left_out: { column: string; reason: string }[];
	classes: string[];
	positive: string | null;
	threshold: number;
	threshold_rule: string;
	abstain: { low: number; high: number; rule: string } | null;
	calibration: { kind: string };
	// biome-ignore lint/suspicious/noExplicitAny: the training's record, which the page only shows
	data: any;
	// biome-ignore lint/suspicious/noExplicitAny: as above
	fit: any;
	// biome-ignore lint/suspicious/noExplicitAny: as above
	metrics: Record<string, any>;
}

/** What a row was answered, by class; `added` is [logits][inputs]. */
interface Answer {
	version: string;
	label: number;
	decision: string | undefined;
	probabilities: number[];
	intercepts: number[];
	logits: number[];
	added: number[][];
}

/** How the logits depend on one number: slopes, and the value that adds nothing. */
interface Line {
	slope: number[];
	mean: number;
}
interface Flip {
	value: number;
	side: number;
	label: number;
}
interface Field {
	element: Element;
	wrong(reason: string): void;
	flip(found: Flip | null | undefined): void;
}

interface DriftBin {
	bin: string;
	rows: number;
	share: number;
	reference: number | null;
	beyond: boolean;
}
interface DriftColumn {
	kind: "input" | "score";
	column: string;
	unit: string | null;
	reference_rows: number | null;
	psi: number | null;
	bound: number | null;
	drifted: boolean;
	bins: DriftBin[];
}
/** What GET /models/{m}/drift says. */
interface Drift {
	model: string;
	version: string;
	window_s: number;
	rows: number;
	columns: DriftColumn[];
	expected: { confusion: Record<string, Record<string, number>>; log_loss: number; brier: number };
}

interface App {
	info: Info;
	row: Cell[];
	model: string | null;
	version: string | null;
	keyed(): boolean;
	example(): Cell[];
	path(end: string): string;
	file(end: string): string;
	hash(to: string): string;
	remember(): void;
	/** See the version that answers now, if it is another one; the row stays where its inputs are the same. */
	follow(): Promise<void>;
	say(error: import("../../service/ui/service.js").ServiceError | null, again?: () => unknown): void;
}
type View = (app: App, signal: AbortSignal) => Child | Promise<Child>;

interface Axis {
	name: string;
	ticks?: number[];
	told?: (value: number) => string;
}
interface Series {
	name: string;
	points: number[][];
	dots?: boolean;
}
interface Sample {
	labels: Record<string, string>;
	value: number;
}

// The data of the page, and what is derived from them.

/** A run as the page knows it: the main data with lookups, and the items once they were asked for. */
class Run {
  constructor(main, packed) {
    this.main = main;
    this.meta = main.meta;
    this.candidates = main.candidates;
    this.byNumber = new Map(main.candidates.map((c) => [c.number, c]));
    this.scored = main.candidates.filter((c) => !c.failed && isNumber(c.objectives.quality));
    this.best = this.byNumber.get(main.summary.best);
    this.seed = this.byNumber.get(main.summary.seed);
    this.line = new Set(main.summary.line);
    this.packed = packed;
    this.unpacking = null;
    this.children = new Map(main.candidates.map((c) => [c.number, []]));
    for (const c of main.candidates) for (const p of new Set(c.parents)) this.children.get(p)?.push(c.number);
  }

  text(numbers) {
    return numbers ? numbers.map((n) => this.main.lines[n]).join("\n") : "";
  }

  /** All items, unpacked once: `{tasks, writes, episodes, lines}`. */
  items() {
    this.unpacking ??= unpack(this.packed);
    return this.unpacking;
  }

  /** What a search looks through, in lower case. */
  haystack(c) {
    c.haystack ??= [`#${c.number}`, c.title, c.program, c.message, this.text(c.source)].join("\n").toLowerCase();
    return c.haystack;
  }
}

/** JSON of base64 of gzip. */
async function unpack(packed) {
  if (!("DecompressionStream" in window)) throw new Error("This browser cannot unpack the items: use a newer one.");
  const bytes = Uint8Array.from(atob(packed.trim()), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const UNITS = { latency: "ms, p95 of read", size: "lines" };

/** How an objective is shown: its label, and its value in the unit of the label. */
function axisOf(run, name) {
  const unit = name === "cost" ? (run.meta.cost_unit === "usd" ? "USD a task" : "tokens a task") : UNITS[name];
  const scale = name === "latency" ? 1000 : 1;
  const title = unit ? `${name} (${unit})` : name;
  return { name, title, scale, of: (c) => c.objectives[name] * scale };
}

function amount(run, name, value) {
  if (!isNumber(value)) return "–";
  if (name === "latency") return `${(value * 1000).toFixed(1)} ms`;
  if (name === "cost") return run.meta.cost_unit === "usd" ? `$${value.toFixed(5)}` : `${count(value)} tokens`;
  if (name === "size") return `${count(value)} lines`;
  return fixed(value);
}

const VERDICTS = {
  gain: { mark: "▲", word: "better than its parent" },
  regression: { mark: "▼", word: "worse than its parent" },
  failed: { mark: "✗", word: "failed" },
};

/** The quality of a candidate, or why it has none. */
const worth = (c) => (c.failed ? "failed" : c.raced ? "stopped early" : fixed(c.objectives.quality));

/** A candidate in a sentence, for whoever hears the page instead of seeing it. */
function spoken(run, c) {
  const words = [`Candidate ${c.number}, ${c.title}`];
  words.push(isNumber(c.objectives.quality) ? `quality ${fixed(c.objectives.quality)}` : worth(c));
  for (const { name } of run.meta.objectives) {
    if (name !== "quality" && isNumber(c.objectives[name])) words.push(`${name} ${amount(run, name, c.objectives[name])}`);
  }
  if (c.change) words.push(`${signed(c.change.mean)} to its parent`);
  if (c.best) words.push("the best");
  else if (c.front) words.push("on the front");
  return words.join(", ");
}

// The charts, by Observable Plot. Every point is a link to its program.

const STAGE_COLOURS = {
  kept: "var(--kept)",
  not_given: "var(--stage-1)",
  lost_in_write: "var(--stage-2)",
  not_maintained: "var(--stage-5)",
  not_retrieved: "var(--stage-3)",
  not_used: "var(--stage-4)",
};
const href = (c) => `#c${c.number}`;
const label = (c) => `#${c.number}`;

function draw(options) {
  return Plot.plot({
    marginLeft: 46,
    marginBottom: 42,
    marginTop: 18,
    style: { background: "none", fontFamily: "inherit", fontSize: "12px", color: "var(--soft)", overflow: "visible" },
    ...options,
  });
}

/** Make the links of a chart reachable and speaking: names, one tab stop, a box on hover and focus. */
function speaking(run, chart) {
  const links = [...chart.querySelectorAll("a")];
  const target = (link) => link.getAttribute("href") ?? link.getAttributeNS("http://www.w3.org/1999/xlink", "href");
  for (const link of links) {
    const c = run.byNumber.get(Number(target(link).slice(2)));
    link.setAttribute("aria-label", spoken(run, c));
    link.setAttribute("data-number", c.number);
    link.classList.add("point");
    const show = () => tip.show(link, card(run, c));
    link.addEventListener("pointerenter", show);
    link.addEventListener("focus", show);
    link.addEventListener("pointerleave", tip.hide);
    link.addEventListener("blur", tip.hide);
  }
  rove(links, links.find((link) => Number(link.dataset.number) === run.best?.number));
  return chart;
}

function card(run, c) {
  const rows = run.meta.objectives
    .filter(({ name }) => isNumber(c.objectives[name]))
    .map(({ name }) => `${name} ${name === "quality" && c.quality ? interval(c.quality) : amount(run, name, c.objectives[name])}`);
  return [
    el("strong", {}, `#${c.number} ${c.title}`),
    ...(rows.length ? rows : [worth(c)]).map((row) => el("div", {}, row)),
    c.change ? el("div", { class: c.verdict }, `${difference(c.change)} to #${c.parents[0]}`) : null,
    c.message ? el("div", { class: "message" }, c.message) : null,
  ].filter(Boolean);
}

const padded = ([low, high]) => {
  const room = (high - low) * 0.06 || Math.abs(high) * 0.06 || 0.01;
  return [low - room, high + room];
};

/** As padded, but not beyond 0 and 1 where all of `span` lies between them, as scores do. */
const scores = (span) => {
  const [low, high] = padded(span);
  return [span[0] >= 0 ? Math.max(0, low) : low, span[1] <= 1 ? Math.min(1, high) : high];
};

/** What the y axis of quality spans: far-off candidates are left out unless all are wanted. */
function qualitySpan(run, all) {
  const found = run.meta.objectives.find(({ name }) => name === "quality");
  return all || !found?.span ? d3.extent(run.scored, (c) => c.objectives.quality) : found.span;
}

const within = (value, [low, high]) => value >= low - 1e-12 && value <= high + 1e-12;

/** The candidates that no cheaper one equals in quality: the corners of the staircase. */
function staircase(rows, x) {
  let best = -Infinity;
  return d3
    .sort(rows, (c) => x(c), (c) => -c.objectives.quality)
    .filter((c) => c.objectives.quality > best && ((best = c.objectives.quality), true));
}

const LETTER = 7.5; // pixels of a bold letter, generously
const LINE = 15; // pixels from one line of labels to the next

/**
 * Those of `rows` whose labels do not cover each other, the best first. `x` and `y` give a place within the domains
 * `across` and `up`, which are drawn on `width` by `height` pixels; labels are centred on their places.
 */
function labelled(rows, { x, y, across, up, width, height, text = label }) {
  const at = (c) => [((x(c) - across[0]) / (across[1] - across[0])) * width, ((y(c) - up[0]) / (up[1] - up[0])) * height];
  const half = (c) => (text(c).length * LETTER) / 2 + 2;
  const kept = [];
  for (const c of d3.sort(rows, (c) => -(c.objectives.quality ?? -1))) {
    const [a, b] = at(c);
    const free = kept.every((other) => {
      const [p, q] = at(other);
      return Math.abs(a - p) > half(c) + half(other) || Math.abs(b - q) > LINE;
    });
    if (free) kept.push(c);
  }
  return kept;
}

/** Quality over another objective; returns the chart and how many candidates lie outside of it. */
function frontChart(run, name, width, all) {
  const axis = axisOf(run, name);
  const y = qualitySpan(run, all);
  const objective = run.meta.objectives.find((o) => o.name === name);
  const inside = run.scored.filter((c) => within(c.objectives.quality, y));
  const members = inside.filter((c) => c.front);
  const span = all || !objective.span ? d3.extent(run.scored, axis.of) : objective.span.map((v) => v * axis.scale);
  const x = d3.extent([...span, ...members.map(axis.of)]);
  const rows = inside.filter((c) => within(axis.of(c), x));
  const others = rows.filter((c) => !c.front);
  const quality = (c) => c.objectives.quality;
  const height = Math.max(300, Math.min(440, width * 0.55));
  const domains = { across: padded(x), up: scores(y) };
  const named = labelled(members, { x: axis.of, y: quality, ...domains, width: width - 66, height: height - 60 });
  const chart = draw({
    width,
    height,
    ariaLabel: `Quality over ${axis.title}; arrow keys go to the next candidate in their direction, Page Down through all`,
    x: { label: axis.title, domain: domains.across, grid: true, ticks: Math.max(3, Math.round(width / 110)) },
    y: { label: "quality", domain: domains.up, grid: true },
    marks: [
      Plot.line(staircase(rows, axis.of), { x: axis.of, y: quality, curve: "step-after", stroke: "var(--accent)", strokeOpacity: 0.35, strokeWidth: 2 }),
      Plot.ruleX(members.filter((c) => c.quality), {
        x: axis.of,
        y1: (c) => Math.max(c.quality.low, domains.up[0]),
        y2: (c) => Math.min(c.quality.high, domains.up[1]),
        stroke: "var(--accent)",
        strokeOpacity: 0.3,
      }),
      Plot.dot(others, { x: axis.of, y: quality, r: (c) => (c.seed ? 5 : 3.5), symbol: (c) => (c.seed ? "diamond" : "circle"), fill: (c) => (c.seed ? "var(--seed)" : "var(--dot)"), fillOpacity: 0.75, href }),
      Plot.dot(members, { x: axis.of, y: quality, r: 7, symbol: (c) => (c.seed ? "diamond" : "circle"), fill: "var(--accent)", stroke: "var(--card)", strokeWidth: 1.5, href }),
      Plot.text(named, { x: axis.of, y: quality, text: label, dy: -14, fill: "var(--ink)", fontWeight: 600, stroke: "var(--card)", strokeWidth: 4, pointerEvents: "none" }),
    ],
    symbol: { type: "identity" },
    r: { type: "identity" },
    color: { type: "identity" },
  });
  return [speaking(run, chart), run.scored.length - rows.length];
}

/** What progress is drawn over; `usd` and `tokens` only where models were asked. */
const CLOCKS = {
  children: { title: "candidates, in the order in which they joined", of: (p, i) => i + 1 },
  evaluations: { title: "evaluations, those for diagnosis too", of: (p) => p.evaluations },
  seconds: { title: "time spent in evaluations (min)", of: (p) => p.seconds / 60 },
  usd: { title: "USD for models until then, the final test not counted", of: (p) => p.usd },
  tokens: { title: "tokens of models until then, the final test not counted", of: (p) => p.tokens },
};

function volumeChart(run, clock, width) {
  const points = run.main.progress.map((p, i) => ({ ...p, x: CLOCKS[clock].of(p, i) }));
  return draw({
    width,
    height: 260,
    ariaLabel: `Hypervolume of the front over ${CLOCKS[clock].title}: from ${fixed(points[0]?.hypervolume)} to ${fixed(points.at(-1)?.hypervolume)}`,
    x: { label: CLOCKS[clock].title, grid: true, ticks: Math.max(3, Math.round(width / 110)) },
    y: { label: "hypervolume of the front", grid: true, zero: true },
    marks: [
      Plot.areaY(points, { x: "x", y1: 0, y2: "hypervolume", curve: "step-after", fill: "var(--accent)", fillOpacity: 0.12 }),
      Plot.lineY(points, { x: "x", y: "hypervolume", curve: "step-after", stroke: "var(--accent)", strokeWidth: 2.5 }),
      Plot.ruleY([0], { stroke: "var(--line)" }),
    ],
  });
}

function bestChart(run, clock, width, all) {
  const y = qualitySpan(run, all);
  const points = run.main.progress.map((p, i) => ({ ...p, c: run.byNumber.get(p.number), x: CLOCKS[clock].of(p, i) }));
  const shown = points.filter(({ c }) => isNumber(c.objectives.quality) && within(c.objectives.quality, y));
  const steps = points.filter((p) => isNumber(p.best) && within(p.best, y));
  const chart = draw({
    width,
    height: 260,
    ariaLabel: `Quality of each candidate and of the best so far over ${CLOCKS[clock].title}`,
    x: { label: CLOCKS[clock].title, grid: true, ticks: Math.max(3, Math.round(width / 110)) },
    y: { label: "quality", grid: true, domain: scores(y) },
    color: { type: "identity" },
    r: { type: "identity" },
    marks: [
      Plot.lineY(steps, { x: "x", y: "best", curve: "step-after", stroke: "var(--accent)", strokeWidth: 2.5 }),
      Plot.dot(shown, { x: "x", y: (p) => p.c.objectives.quality, r: (p) => (p.c.front ? 5 : 3), fill: (p) => (p.c.front ? "var(--accent)" : p.c.seed ? "var(--seed)" : "var(--dot)"), fillOpacity: 0.85, href: (p) => href(p.c) }),
    ],
  });
  return speaking(run, chart);
}

/** Shares of the tasks that each candidate kept, or lost at a stage. */
function stageChart(run, rows, width) {
  const names = Object.keys(run.meta.stages);
  const parts = rows.flatMap((c) => {
    const tasks = c.scores.filter(isNumber).length;
    const lost = names.map((stage) => ({ c, stage, n: c.stages[stage] ?? 0, tasks }));
    return [{ c, stage: "kept", n: tasks - d3.sum(lost, (part) => part.n), tasks }, ...lost].filter((part) => part.n > 0);
  });
  const title = (c) => `#${c.number} ${c.seed ? c.title : c.best ? "the best" : ""}`.trim();
  return draw({
    width,
    height: 46 + rows.length * 26,
    marginLeft: 140,
    marginTop: 4,
    ariaLabel: `Where tasks were lost: ${parts.map((p) => `${title(p.c)} ${p.stage} ${p.n} of ${p.tasks}`).join("; ")}`,
    x: { label: "share of the tasks", percent: true, domain: [0, 100] },
    y: { label: null, domain: rows.map(title), tickSize: 0 },
    color: { type: "identity" },
    marks: [
      Plot.barX(parts, { x: (p) => p.n / p.tasks, y: (p) => title(p.c), fill: (p) => STAGE_COLOURS[p.stage], insetTop: 3, insetBottom: 3, title: (p) => `${title(p.c)}: ${p.stage.replaceAll("_", " ")} ${p.n} of ${p.tasks}` }),
    ],
  });
}

function stageLegend(run) {
  const names = { kept: "kept: scored well enough", ...run.meta.stages };
  return el(
    "ul",
    { class: "legend" },
    Object.entries(names).map(([stage, meaning]) =>
      el("li", {}, el("span", { class: "swatch", style: `background:${STAGE_COLOURS[stage]}` }), el("b", {}, stage.replaceAll("_", " ")), stage === "kept" ? ": scored well enough" : `: ${meaning}`),
    ),
  );
}

/** The score in each category, of one candidate beside another: a pair of bars each. */
function categoryChart(run, before, after, width) {
  const sizes = d3.rollup(run.main.tasks, (group) => group.length, (task) => task.category);
  const rows = Object.keys(after.categories).map((name) => ({ name, title: `${name || "all"} (${sizes.get(name) ?? 0})`, a: before?.categories[name], b: after.categories[name] }));
  const pairs = rows.filter((row) => isNumber(row.a));
  const values = rows.flatMap((row) => [row.a, row.b]).filter(isNumber);
  const upper = before ? { insetTop: 5, insetBottom: 19 } : {};
  const lower = before ? { insetTop: 19, insetBottom: 5 } : { insetTop: 8, insetBottom: 8 };
  return draw({
    width,
    height: 46 + rows.length * 38,
    marginLeft: 140,
    marginTop: 4,
    ariaLabel: `Score in each category: ${rows.map((row) => `${row.title} ${isNumber(row.a) ? `from ${fixed(row.a)} to ` : ""}${fixed(row.b)}`).join("; ")}`,
    x: { label: `mean ${run.meta.metric ?? "score"}`, domain: [Math.min(0, ...values), Math.max(1, ...values)], grid: true },
    y: { label: null, domain: rows.map((row) => row.title), tickSize: 0, padding: 0 },
    color: { type: "identity" },
    marks: [
      Plot.barX(pairs, { x: "a", y: "title", fill: "var(--seed)", ...upper, title: (row) => `${before.title}: ${fixed(row.a)}` }),
      Plot.barX(rows, { x: "b", y: "title", fill: "var(--accent)", ...lower, title: (row) => `${after.title}: ${fixed(row.b)}` }),
      Plot.ruleX([0], { stroke: "var(--line)" }),
    ],
  });
}

/** What each role of the models took: USD where all prices are known, else tokens. */
function spendingChart(spending, width) {
  const priced = spending.total.unpriced === 0;
  const rows = spending.roles.map((row) => ({ ...row, value: priced ? row.usd : row.tokens_in + row.tokens_out }));
  const told = (row) => (priced ? `${row.price}` : `${count(row.value)} tokens`);
  return draw({
    width,
    height: 46 + rows.length * 30,
    marginLeft: 90,
    marginTop: 4,
    marginRight: 80,
    ariaLabel: `${priced ? "USD" : "Tokens"} by role: ${rows.map((row) => `${row.role} ${told(row)}`).join("; ")}`,
    x: { label: priced ? "USD" : "tokens", grid: true, ticks: Math.max(2, Math.round(width / 130)) },
    y: { label: null, domain: rows.map((row) => row.role), tickSize: 0 },
    marks: [
      Plot.barX(rows, { x: "value", y: "role", fill: "var(--accent)", insetTop: 5, insetBottom: 5, title: (row) => `${row.role}: ${told(row)}` }),
      Plot.text(rows, { x: "value", y: "role", text: told, textAnchor: "start", dx: 6, fill: "var(--ink)" }),
      Plot.ruleX([0], { stroke: "var(--line)" }),
    ],
  });
}

/** Programs by their structure, coloured by quality; lines lead from parent to child. */
function mapChart(run, width, all) {
  const rows = run.scored.filter((c) => c.at);
  const links = rows.flatMap((c) => (run.byNumber.get(c.parents[0])?.at ? [{ from: run.byNumber.get(c.parents[0]), to: c }] : []));
  const ends = { x1: (l) => l.from.at[0], y1: (l) => l.from.at[1], x2: (l) => l.to.at[0], y2: (l) => l.to.at[1] };
  const [low, high] = qualitySpan(run, all);
  const colour = d3.scaleLinear([low, high], [themed("--low"), themed("--high")]).interpolate(d3.interpolateLab).clamp(true);
  const title = (n) => `${["1st", "2nd"][n]} component, ${percent(run.main.map.axes[n].share)} of the variance`;
  const ticks = { ticks: 0, tickSize: 0 };
  const height = Math.max(320, Math.min(480, width * 0.6));
  const domains = { across: padded(d3.extent(rows, (c) => c.at[0])), up: padded(d3.extent(rows, (c) => c.at[1])) };
  const text = (c) => (c.seed ? c.title : label(c));
  const named = labelled(rows.filter((c) => c.best || c.seed), { x: (c) => c.at[0], y: (c) => c.at[1], ...domains, width: width - 48, height: height - 60, text });
  const chart = draw({
    width,
    height,
    marginLeft: 28,
    ariaLabel: "Map of all programs by structure; arrow keys go to the next program in their direction, Page Down through all",
    x: { label: title(0), domain: domains.across, ...ticks },
    y: { label: title(1), domain: domains.up, ...ticks },
    color: { type: "identity" },
    r: { type: "identity" },
    symbol: { type: "identity" },
    marks: [
      Plot.frame({ stroke: "var(--line)" }),
      Plot.link(links, { ...ends, stroke: "var(--dot)", strokeOpacity: 0.3 }),
      Plot.link(links.filter((l) => run.line.has(l.to.number)), { ...ends, stroke: "var(--accent)", strokeWidth: 2.5, markerEnd: "arrow" }),
      Plot.dot(d3.sort(rows, (c) => c.front), { x: (c) => c.at[0], y: (c) => c.at[1], r: (c) => (c.front || c.seed ? 7 : 4.5), symbol: (c) => (c.seed ? "diamond" : "circle"), fill: (c) => colour(c.objectives.quality), stroke: (c) => (c.front ? "var(--accent)" : "var(--card)"), strokeWidth: (c) => (c.front ? 2 : 0.75), href }),
      Plot.text(named, { x: (c) => c.at[0], y: (c) => c.at[1], text, dy: -13, fill: "var(--ink)", fontWeight: 600, stroke: "var(--card)", strokeWidth: 4, pointerEvents: "none" }),
    ],
  });
  return speaking(run, chart);
}

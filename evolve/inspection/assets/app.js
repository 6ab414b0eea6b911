// The page as a whole: what stands where, where a link leads, and what happens when data or theme change.

let run = null;
/** All runs of the page: the one that it opens with, and others that were asked for beside it. */
const reports = [{ main: JSON.parse(byId("main-data").textContent), items: byId("items-data").textContent }, ...JSON.parse(byId("more-data").textContent)];
const view = { axis: null, clock: "evaluations", all: false, text: "", order: "quality" };

/** Follow an address at once: what has the focus is settled when this returns. */
function go(hash) {
  if (location.hash !== hash) history.pushState(null, "", hash);
  route();
}

/** `#c22`, `#c22/source`, `#c22/tasks/ID`. */
function place() {
  const match = /^#c(\d+)(?:\/(\w+))?(?:\/(.+))?$/.exec(location.hash);
  if (!match || !run.byNumber.has(Number(match[1]))) return null;
  return { c: run.byNumber.get(Number(match[1])), tab: match[2] ?? "overview", task: match[3] ? decodeURIComponent(match[3]) : null };
}

let shown = null;

/** Show what the address names; move there if it was not shown before, or is asked for as a whole. */
function route({ move = true } = {}) {
  tip.hide();
  const at = place() ?? (run.best ? { c: run.best, tab: "overview", task: null } : null);
  const detail = byId("detail");
  if (!at) return void fill(detail, el("p", { class: "hint" }, "No candidate has a score yet."));
  fill(detail, programDetail(run, at.c, at.tab, at.task, go));
  drawCharts(detail);
  listPrograms();
  if (move && place()) {
    if (shown !== at.c.number || /^#c\d+$/.test(location.hash)) {
      byId("detail-title").focus({ preventScroll: true });
      detail.scrollIntoView({ block: "start" });
    } else if (at.tab === "tasks") {
      [...detail.querySelectorAll("a.task")].find((link) => link.dataset.task === (at.task ?? closed))?.focus({ preventScroll: true });
    }
  }
  shown = at.c.number;
  closed = at.task;
}

let closed = null;

function listPrograms() {
  const [list, ordered] = programList(run, view, place()?.c.number ?? run.best?.number);
  fill(byId("program-list"), list);
  const what = view.text ? `${plural(ordered.length, "program")} found of ${run.candidates.length}` : plural(ordered.length, "program");
  byId("search-status").textContent = what;
  const current = list.querySelector("[aria-current]");
  if (current) list.scrollTop = current.offsetTop - list.offsetTop - list.clientHeight / 2;
  return ordered;
}

/** Draw every chart inside `root` at the width that it has. */
function drawCharts(root = document) {
  for (const node of root.querySelectorAll(".chart")) if (node.draw && node.clientWidth) fill(node, [node.draw(node.clientWidth)].flat());
}

function chart(name, drawing, note) {
  const node = el("div", { class: "chart", "data-chart": name });
  node.draw = (width) => {
    const [picture, outside] = [drawing(width)].flat();
    return [picture, outside ? el("p", { class: "hint" }, `${plural(outside, "candidate")} far off not drawn.`) : null, note].filter(Boolean);
  };
  return node;
}

function tile(value, name, detail) {
  return el("div", { class: "tile" }, el("dt", {}, name), el("dd", {}, el("b", {}, value), detail ? el("span", {}, detail) : null));
}

function summaryTiles() {
  const { summary, progress } = run.main;
  const front = run.candidates.filter((c) => c.front);
  const test = summary.best !== null && summary.tests[summary.best];
  const against = summary.comparisons.find((x) => x.other === summary.seed);
  const last = progress.at(-1);
  const left = run.meta.candidates - run.candidates.length;
  const tiles = el(
    "dl",
    { class: "tiles" },
    run.best ? tile(fixed(run.best.objectives.quality), "best quality", run.best.quality ? `[${fixed(run.best.quality.low)}, ${fixed(run.best.quality.high)}], #${run.best.number}` : `#${run.best.number}`) : null,
    summary.gain ? tile(signed(summary.gain.mean), "over the best seed", `[${signed(summary.gain.low)}, ${signed(summary.gain.high)}], ${run.seed.title}`) : null,
    test ? tile(fixed(test.mean), "on the test set", against ? `${signed(against.difference.mean)} over ${run.seed.title}` : interval(test)) : null,
    tile(count(front.length), "on the front", `of ${plural(run.meta.candidates, "candidate")}`),
    last ? tile(count(last.evaluations), "evaluations", duration(last.seconds)) : null,
    tile(count(run.meta.failed), "failed", [plural(run.meta.discarded.length, "candidate discarded", "candidates discarded"), run.meta.near_duplicates && plural(run.meta.near_duplicates, "near-duplicate", "near-duplicates")].filter(Boolean).join(", ")),
  );
  const saturated = summary.saturation ? el("p", { class: "saturation" }, summary.saturation) : null;
  if (!left) return [tiles, saturated];
  return el("div", {}, tiles, saturated, el("p", { class: "hint" }, `${count(left)} of ${count(run.meta.candidates)} candidates are not on this page. It has the line of the best, the front, the seeds, and then those of the highest quality. evolve show and evolve lineage have all of them.`));
}

function section(id, title, lead, ...content) {
  return el("section", { id, class: "card", "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), lead ? el("p", { class: "lead" }, lead) : null, content);
}

function redraw(id) {
  drawCharts(byId(id));
}

/** The runs beside each other, where there are several; each name shows its run. */
function runsSection() {
  if (reports.length === 1) return null;
  const row = ({ main, items }) => {
    const best = main.candidates.find((c) => c.number === main.summary.best);
    const test = best && main.summary.tests[best.number];
    const open = () => { history.pushState(null, "", "#"); build(main, items); };
    const name = main.meta.run === run.meta.run ? el("b", { "aria-current": "true" }, main.meta.run) : el("button", { type: "button", onclick: open }, main.meta.run);
    const cells = { benchmark: main.meta.benchmark, children: `${main.meta.settled}/${main.meta.budget}`, "best quality": best ? interval(best.quality) : "–", "over its best seed": main.summary.gain ? difference(main.summary.gain) : "–", test: test ? interval(test) : "–", evaluations: count(main.progress.at(-1)?.evaluations) };
    return el("tr", {}, el("th", { scope: "row" }, name), Object.entries(cells).map(([label, text]) => el("td", { class: "number", "data-label": label }, text)));
  };
  const heads = ["run", "benchmark", "children", "best quality", "over its best seed", "test", "evaluations"];
  return section("runs", "Runs", "What follows is of the run in bold; choose another one here.", el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Runs as a table" }, el("table", { class: "stack" }, el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, reports.map(row)))));
}

function frontSection() {
  const axes = run.meta.objectives.map(({ name }) => name).filter((name) => name !== "quality");
  if (!axes.includes(view.axis)) view.axis = axes[0] ?? null;
  const controls = el(
    "div",
    { class: "controls" },
    axes.length > 1 ? select("Against", axes.map((name) => [name, name]), view.axis, (name) => { view.axis = name; redraw("front"); }) : null,
    checkbox("show those far off too", view.all, (checked) => { view.all = checked; drawCharts(); }),
  );
  const names = run.meta.objectives.map(({ name }) => name);
  const rows = d3.sort(run.candidates.filter((c) => c.front), (c) => -c.objectives.quality);
  const cell = (c, name) => el("td", { class: "number", "data-label": name }, name === "quality" && c.quality ? interval(c.quality) : amount(run, name, c.objectives[name]));
  const table = el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "The front as a table" },
    el(
      "table",
      { class: "stack" },
      el("thead", {}, el("tr", {}, ["candidate", ...names, "test"].map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, rows.map((c) => el("tr", { class: c.best ? "best" : null }, el("th", { scope: "row" }, el("a", { href: href(c) }, `#${c.number} ${c.title}`)), names.map((name) => cell(c, name)), el("td", { class: "number", "data-label": "test" }, c.test ? interval(c.test) : "–")))),
    ),
  );
  const lead = "The candidates that no other one beats in every objective at once. Choose a point to read its program.";
  const picture = view.axis ? chart("front", (width) => frontChart(run, view.axis, width, view.all)) : null;
  return section("front", "Front", lead, controls, picture, table);
}

/** What one program for several benchmarks gives up on each of them, where there are several. */
function transferSection() {
  const data = run.main.transfer;
  if (!data) return null;
  const names = data.benchmarks.map((row) => row.benchmark);
  const tableOf = (label, heads, rows) => el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, el("table", { class: "stack" }, el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, rows)));
  const row = (head, cells) => el("tr", {}, el("th", { scope: "row" }, head), Object.entries(cells).map(([label, text]) => el("td", { class: "number", "data-label": label }, text)));
  const link = (number) => {
    const c = run.byNumber.get(number);
    return c ? el("a", { href: href(c) }, `#${number} ${c.title}`) : `#${number}`;
  };
  const tested = (number, name) => interval(data.programs.find((p) => p.number === number)?.scores[name].test);
  const prices = data.benchmarks.map((b) => row(b.benchmark, { "best on all": tested(b.best, b.benchmark), "best on it": `#${b.specialist} ${tested(b.specialist, b.benchmark)}`, difference: b.difference ? difference(b.difference) : b.specialist === b.best ? "the same program" : "–" }));
  const scores = data.programs.map((p) => row(link(p.number), { "best on": p.best_on.join(", ") || "–", ...Object.fromEntries(names.map((name) => [name, interval(p.scores[name].test)])) }));
  const lead = `Test scores of the best on all benchmarks together, #${data.benchmarks[0].best}, beside the best on each, paired over the tasks. The differences hold together at 95 %.`;
  return section("transfer", "Several benchmarks", lead, tableOf("Best on all and best on each", ["benchmark", "best on all", "best on it", "difference"], prices), tableOf("Test scores on each benchmark", ["program", "best on", ...names], scores));
}

function progressSection() {
  const names = { children: "candidates", evaluations: "evaluations", seconds: "time", usd: "USD", tokens: "tokens" };
  const points = run.main.progress;
  const clocks = Object.entries(names).filter(([name]) => points.every((p, i) => isNumber(CLOCKS[name].of(p, i))));
  if (!clocks.some(([name]) => name === view.clock)) view.clock = "evaluations";
  return section(
    "progress",
    "Progress",
    "Hypervolume is how much of the space of objectives the front dominates; it never falls.",
    el("div", { class: "controls" }, select("Over", clocks, view.clock, (name) => { view.clock = name; redraw("progress"); })),
    el("div", { class: "pair" }, chart("hypervolume", (width) => volumeChart(run, view.clock, width)), chart("best", (width) => bestChart(run, view.clock, width, view.all))),
  );
}

function lossSection() {
  const rows = [...new Set([run.best, ...run.candidates.filter((c) => c.front), ...run.candidates.filter((c) => c.seed)])].filter((c) => c && !c.failed && Object.keys(c.stages).length).slice(0, 14);
  if (!rows.length) return null;
  const stages = chart("stages", (width) => stageChart(run, rows, width), stageLegend(run));
  const against = run.seed && run.seed !== run.best ? run.seed : null;
  const note = el("p", { class: "hint" }, el("span", { class: "swatch", style: "background:var(--accent)" }), ` #${run.best.number}, the best`, against ? [" against ", el("span", { class: "swatch", style: "background:var(--seed)" }), ` #${against.number} ${against.title}, the best seed`] : "", "; in brackets the number of tasks");
  const categories = chart("categories", (width) => categoryChart(run, against, run.best, width), note);
  const numbers = against?.scores.some(isNumber) ? beforeAndAfter(against, run.best) : null;
  return section("losses", "Where evidence is lost", "Each task with a low score is traced to the first stage at which something that its answer needs was missing.", el("div", { class: "pair" }, stages, categories), numbers);
}

function lineageSection() {
  const discarded = run.meta.discarded;
  const draws = Object.entries(run.meta.draws ?? {}).map(([name, n]) => `${n} ${name}`);
  return section(
    "lineage",
    "Lineage",
    "▲ better and ▼ worse than the parent: the paired 95 % interval of the difference excludes zero. The thick line leads to the best.",
    chart("descent", (width) => descentChart(run, width, view.all)),
    lineageTree(run, (n) => go(`#c${n}`)),
    draws.length ? el("p", { class: "lead" }, `Model draws: ${draws.join(", ")}`) : null,
    discarded.length ? el("details", {}, el("summary", {}, `${plural(discarded.length, "candidate", "candidates")} discarded`), el("ul", {}, discarded.map((d) => el("li", {}, `#${d.number} ${d.operator}: ${d.reason}`)))) : null,
  );
}

function mapSection() {
  if (!run.scored.some((c) => c.at)) return null;
  const axis = (n) => run.main.map.axes[n].loadings.map(([name, weight]) => el("li", {}, weight > 0 ? "+ " : "− ", el("code", {}, name)));
  const side = (n, title) => (run.main.map.axes[n].loadings.length ? el("div", {}, el("h4", {}, title), el("ul", { class: "plain" }, axis(n))) : null);
  const legend = el("p", { class: "hint ramp" }, "low quality ", el("span", { class: "gradient", "aria-hidden": "true" }), " high quality; ringed: on the front; diamonds: seeds");
  return section(
    "map",
    "Map of programs",
    "Programs that are built alike lie close together: counted are the storage they use, the shape of their syntax tree, the functions they call, their fields and knobs, projected to two dimensions (PCA).",
    chart("map", (width) => mapChart(run, width, view.all), legend),
    el("div", { class: "pair" }, side(0, "What grows to the right"), side(1, "What grows upwards")),
  );
}

function programsSection() {
  const status = el("p", { id: "search-status", class: "hint", role: "status" });
  return section(
    "programs",
    "Programs",
    null,
    el(
      "div",
      { class: "browser" },
      el("div", { class: "side" }, el("div", { class: "controls" }, select("Order", Object.entries(ORDERS).map(([key, [text]]) => [key, text]), view.order, (order) => { view.order = order; listPrograms(); }), status), el("div", { id: "program-list" })),
      el("article", { id: "detail", "aria-labelledby": "detail-title" }),
    ),
  );
}

const STATES = {
  budget: "finished, its budget used",
  time: "stopped, its time up",
  spent: "stopped, its models' allowance spent",
  stopped: "stopped by its user",
  plateau: "stopped on a plateau",
  running: "running",
  interrupted: "interrupted",
};

function heading() {
  const { meta } = run;
  byId("title").textContent = meta.run;
  const words = [meta.benchmark, `${meta.settled}/${meta.budget} children`, STATES[meta.state] ?? meta.state, meta.isolation && `isolation: ${meta.isolation}`];
  fill(byId("subtitle"), words.filter(Boolean).join(" · "), meta.in_flight.length ? ` · ${meta.in_flight.length} in flight` : "");
  const live = document.documentElement.dataset.mode === "live";
  byId("made").textContent = `Written ${meta.generated} by evolve ${meta.version}. ${live ? "It follows the run." : "Everything is in this file; it asks no network."}`;
}

/** Build the page from `main`; what has the focus keeps it where it is still there. */
function build(main, packed) {
  const focused = focusedPath();
  const first = run === null;
  run = new Run(main, packed);
  heading();
  fill(byId("content"), runsSection(), summaryTiles(), frontSection(), transferSection(), progressSection(), lossSection(), spendingSection(), lineageSection(), mapSection(), programsSection());
  document.querySelector('nav a[href="#spending"]').hidden = !main.spending;
  drawCharts();
  route({ move: first });
  if (focused) document.querySelector(focused)?.focus({ preventScroll: true });
}

/** A selector of the focused element that survives a rebuild, if it has one. */
function focusedPath() {
  const node = document.activeElement;
  const number = node?.dataset?.number;
  const region = node?.closest?.("[data-chart], .tree, .programs");
  if (!number || !region) return node?.id && node.id !== "search" ? `#${node.id}` : null;
  const where = region.dataset.chart ? `[data-chart="${region.dataset.chart}"]` : `.${region.classList[0]}`;
  return `${where} [data-number="${number}"]`;
}

function startSearch() {
  const box = byId("search");
  box.addEventListener("input", () => {
    view.text = box.value.trim();
    listPrograms();
  });
  byId("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const [first] = listPrograms();
    if (first) go(`#c${first.number}`);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    byId("program-list").querySelector("a")?.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hide();
    if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    box.focus();
  });
}

/** Ask the server every few seconds whether the run went on; the page is rebuilt where it did. */
function follow(seconds = 4) {
  let version = `"${run.meta.revision}"`;
  const ask = async () => {
    const answer = await fetch("report.json", { headers: { "If-None-Match": version }, cache: "no-store" });
    byId("live").textContent = "live";
    if (answer.status !== 200) return;
    version = answer.headers.get("ETag");
    const { main, items } = await answer.json();
    build(main, items);
  };
  const tick = () => ask().catch(() => (byId("live").textContent = "the server does not answer")).finally(() => setTimeout(tick, seconds * 1000));
  tick();
}

build(reports[0].main, reports[0].items);
startSearch();
window.addEventListener("hashchange", () => route());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts());
let width = window.innerWidth;
window.addEventListener("resize", () => {
  if (window.innerWidth === width) return; // the address bar of a phone comes and goes
  width = window.innerWidth;
  clearTimeout(window.redrawing);
  window.redrawing = setTimeout(drawCharts, 120);
});
if (document.documentElement.dataset.mode === "live") follow();

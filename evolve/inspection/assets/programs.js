// The browser of programs: a list that can be searched, and one program in full.

const ORDERS = {
  quality: ["best first", (c) => -(c.objectives.quality ?? -1)],
  newest: ["newest first", (c) => -c.number],
  oldest: ["oldest first", (c) => c.number],
  change: ["greatest gain first", (c) => -(c.change?.mean ?? -2)],
};

/** Numbers and names first, then messages and source: every word must occur. */
function found(run, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = run.candidates.filter((c) => words.every((word) => run.haystack(c).includes(word)));
  const exact = (c) => words.includes(`#${c.number}`) || words.includes(String(c.number)) || words.includes(c.title.toLowerCase());
  return { fits, exact: fits.filter(exact) };
}

function programList(run, { text, order }, chosen) {
  const { fits, exact } = found(run, text);
  const ordered = d3.sort(fits, (c) => (text && exact.includes(c) ? 0 : 1), ORDERS[order][1]);
  const links = ordered.map((c) =>
    el(
      "a",
      { href: href(c), "aria-current": c.number === chosen ? "true" : null, "aria-label": spoken(run, c), "data-number": c.number },
      el("b", {}, `#${c.number}`),
      el("span", { class: "number" }, c.raced ? "raced" : worth(c)),
      el("span", { class: `delta ${c.verdict}` }, c.change ? signed(c.change.mean) : ""),
      el("span", { class: "title" }, c.best || c.front ? el("span", { class: "star" }, "★ ") : null, c.title),
      text ? excerpt(run, c, text) : null,
    ),
  );
  const list = el("ul", { class: "programs" }, links.map((link) => el("li", {}, link)));
  rove(links, links.find((link) => link.getAttribute("aria-current")));
  return [list, ordered];
}

/** The first line of a program that holds a word of the search. */
function excerpt(run, c, text) {
  const word = text.toLowerCase().split(/\s+/).find((w) => w && !c.title.toLowerCase().includes(w) && w !== `#${c.number}`);
  if (!word) return null;
  const line = [c.message, ...run.text(c.source).split("\n")].find((l) => l.toLowerCase().includes(word));
  if (!line) return null;
  const at = line.toLowerCase().indexOf(word);
  const start = Math.max(0, at - 30);
  return el("code", { class: "excerpt" }, line.slice(start, at), el("mark", {}, line.slice(at, at + word.length)), line.slice(at + word.length, start + 90));
}

const TABS = { overview: "Overview", source: "Source", diff: "Diff to its parent", tasks: "Tasks" };

/** One program in full. */
function programDetail(run, c, tab, task, go) {
  const entries = Object.entries(TABS).filter(([key]) => key !== "diff" || c.parents.length).map(([key, text]) => [key, key === "diff" ? `Diff to #${c.parents[0]}` : text]);
  const opened = entries.some(([key]) => key === tab) ? tab : "overview";
  const panel = { overview: overviewPanel, source: sourcePanel, diff: diffPanel, tasks: (r, x) => itemsPanel(r, x, task, go) }[opened];
  const chips = [c.best && "best", c.front && "on the front", c.seed && "seed", (c.failed || c.raced) && worth(c), !c.failed && VERDICTS[c.verdict]?.word];
  return [
    el("h3", { id: "detail-title", tabindex: -1 }, `#${c.number} ${c.title}`),
    el("p", { class: "chips" }, chips.filter(Boolean).map((chip) => el("span", { class: "tag" }, chip))),
    c.message ? el("p", { class: "message" }, c.message) : null,
    tabs(`Views of candidate ${c.number}`, entries, opened, (key) => go(`#c${c.number}/${key}`)),
    el("div", { role: "tabpanel", id: "tab-panel", tabindex: 0, "aria-labelledby": `tab-${opened}` }, panel(run, c)),
  ];
}

const reference = (n) => el("a", { href: `#c${n}` }, `#${n}`);
const joined = (nodes) => nodes.flatMap((node, i) => (i ? [", ", node] : [node]));

function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.filter(([, value]) => value && value.length !== 0).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function overviewPanel(run, c) {
  const s = c.structure;
  const parent = run.byNumber.get(c.parents[0]);
  const kids = run.children.get(c.number);
  const others = run.meta.objectives.filter(({ name }) => name !== "quality").map(({ name }) => [name, !isNumber(c.objectives[name]) ? null : amount(run, name, c.objectives[name])]);
  const comparison = run.main.summary.comparisons.find((x) => x.other === c.number);
  const chart = Object.keys(c.categories).length ? el("div", { class: "chart", "data-chart": "own-categories" }) : null;
  if (chart) chart.draw = (width) => categoryChart(run, parent && Object.keys(parent.categories).length ? parent : null, c, Math.min(width, 640));
  const b = c.behaviour?.tasks ? c.behaviour : null;
  return [
    c.failure ? el("p", { class: "lost" }, `Failed in ${c.failure.where} (${c.failure.kind}): ${c.failure.message}`) : null,
    facts([
      ["quality", !isNumber(c.objectives.quality) ? null : `${interval(c.quality)} (${run.meta.metric ?? "score"})`],
      ["on the test set", c.test ? interval(c.test) : null],
      ["best minus it, test", comparison ? difference(comparison.difference) : null],
      ["to its parent", c.change ? difference(c.change) : null],
      ...others,
      ["parents", joined(c.parents.map(reference))],
      ["children", joined(kids.map(reference))],
      ["lost", Object.entries(c.stages).filter(([, n]) => n).map(([name, n]) => `${name.replaceAll("_", " ")} ${n}`).join(", ")],
      [run.main.spending ? "model use" : "agent, by rules", c.usage ? `${plural(c.usage.calls, "call")}, ${count(c.usage.tokens_in)} tokens in, ${count(c.usage.tokens_out)} out${c.usage.usd ? `, $${c.usage.usd.toFixed(4)}` : ""}` : null],
      ["returns", b ? `${count(b.characters)} characters a question, ${percent(b.budget)} of what it may` : null],
      ["program", `${c.program}${c.lines ? `, ${c.lines} lines` : ""}`],
    ]),
    chart ? [el("h4", {}, parent ? `Categories, against #${parent.number}` : "Categories"), chart] : null,
    s ? structureFacts(s) : el("p", { class: "hint" }, "The source is not there, or does not parse."),
  ];
}

function structureFacts(s) {
  const fields = (specs) => specs.map((f) => el("div", {}, el("code", {}, `${f.name}: ${f.type}`), ` ${f.description || "(no description)"}`));
  const phase = (p) => [
    p.steps.filter((step) => step.summary).map((step) => el("div", {}, el("code", {}, step.method), ` ${step.summary}`)),
    bare(p.steps.filter((step) => !step.summary)),
    p.sql.map((sql) => el("div", {}, el("code", { class: "sql" }, sql))),
  ];
  const bare = (steps) => (steps.length ? el("div", {}, "without a description: ", joined(steps.map((step) => el("code", {}, step.method)))) : null);
  const names = { __init__: "when made", write: "write", read: "read", observe: "observe" };
  return [
    el("h4", {}, "What it stores, and how it retrieves"),
    facts([
      ["kept in", s.stores.map((store) => el("div", {}, store))],
      ["extracts", fields(s.item)],
      ["asks with", fields(s.query)],
      ...Object.entries(s.phases).map(([name, p]) => [names[name] ?? name, phase(p).flat()]),
      ["knobs", Object.entries(s.knobs).map(([name, [value, low, high]]) => el("div", {}, el("code", {}, `${name} = ${value}`), ` of ${low} to ${high}`))],
      ["always shown", s.always_on],
    ]),
  ];
}

/** Python with its tokens in colour; Prism tells the tokens, and they become text nodes. */
function highlighted(code) {
  const node = (token) =>
    typeof token === "string" ? token : el("span", { class: `t-${token.type}` }, [token.content].flat().map(node));
  return Prism.tokenize(code, Prism.languages.python).map(node);
}

function sourcePanel(run, c) {
  if (!c.source) return el("p", { class: "hint" }, "The source is not there.");
  return el("pre", { class: "code numbered", tabindex: 0, "aria-label": `Source of candidate ${c.number}` }, lines(highlighted(run.text(c.source))));
}

/** Nodes cut into one element for each line, so that lines can be numbered. */
function lines(nodes) {
  const rows = [el("span", { class: "line" })];
  const put = (content, wrap) =>
    content.split("\n").forEach((piece, i) => {
      if (i) rows.push(el("span", { class: "line" }));
      if (piece) rows.at(-1).append(wrap ? el("span", { class: wrap }, piece) : piece);
    });
  const walk = (node, wrap) => (typeof node === "string" || node.nodeType === 3 ? put(node.textContent ?? node, wrap) : node.childNodes.forEach((child) => walk(child, node.className)));
  nodes.forEach((node) => (typeof node === "string" ? put(node, null) : walk(node, null)));
  return rows.flatMap((row) => [row, "\n"]);
}

function diffPanel(run, c) {
  if (!c.diff.length) return el("p", { class: "hint" }, "Nothing differs that could be shown.");
  return c.diff.map((part) =>
    el(
      "section",
      { class: "diff" },
      el("h4", {}, part.part),
      el("pre", { class: "code", tabindex: 0, "aria-label": `Diff of ${part.part}` }, run.text(part.lines).split("\n").map((line) => diffLine(line, part.part !== "module"))),
    ),
  );
}

function diffLine(line, isCode) {
  const kind = { "+": "added", "-": "removed", "@": "hunk" }[line[0]] ?? "";
  if (kind === "hunk") return el("span", { class: "line hunk" }, line);
  return el("span", { class: `line ${kind}` }, el("span", { class: "sign" }, line[0] ?? " "), isCode ? highlighted(line.slice(1)) : line.slice(1));
}

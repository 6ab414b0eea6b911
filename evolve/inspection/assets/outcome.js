// What the search came to, in numbers: losses before and after, and what the models took.

/** Scores and losses of the best seed and of the best program, in numbers. */
function beforeAndAfter(before, after) {
  const kept = (c) => c.scores.filter(isNumber).length - d3.sum(Object.values(c.stages));
  const stages = [["kept", kept(before), kept(after)], ...Object.keys(run.meta.stages).map((s) => [s.replaceAll("_", " "), before.stages[s] ?? 0, after.stages[s] ?? 0])];
  const categories = Object.keys(after.categories).map((name) => [name || "all", before.categories[name], after.categories[name]]);
  const rows = (found, show, change) => found.map(([name, a, b]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "number" }, isNumber(a) ? show(a) : "–"), el("td", { class: "number" }, show(b)), el("td", { class: "number" }, isNumber(a) ? change(b - a) : "–")));
  const table = (caption, ...body) =>
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, el("table", {}, el("thead", {}, el("tr", {}, [caption, `before: #${before.number} ${before.title}`, `after: #${after.number} ${after.title}`, "change"].map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, body)));
  return el(
    "details",
    {},
    el("summary", {}, "Before and after in numbers"),
    el("div", { class: "pair" }, table("tasks lost at", rows(stages, count, (n) => signed(n, 0))), table(`mean ${run.meta.metric ?? "score"}`, rows(categories, fixed, signed))),
  );
}

function spendingSection() {
  const { spending } = run.main;
  if (!spending) return null;
  const cells = (row) => [row.calls, row.cached, row.failed, row.tokens_in, row.tokens_out].map((n) => el("td", { class: "number" }, count(n))).concat(el("td", { class: "number" }, row.price));
  const line = (name, row, ...more) => el("tr", {}, el("th", { scope: "row" }, name, more), cells(row));
  const heads = ["role", "calls", "from the cache", "failed", "tokens in", "tokens out", "price"];
  return section(
    "spending",
    "Spending",
    "What the models took, role by role: task is the agent that uses the memory. What the cache answered cost nothing; a call of unknown price is never counted as 0.",
    chart("spending", (width) => spendingChart(spending, width)),
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Spending as a table" },
      el(
        "table",
        {},
        el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)))),
        el("tbody", {}, spending.roles.map((row) => line(row.role, row, el("span", { class: "hint" }, ` ${row.models.join(", ")}`))), line("all", spending.total), spending.test.calls ? line("of these, for the final test", spending.test) : null),
      ),
    ),
  );
}

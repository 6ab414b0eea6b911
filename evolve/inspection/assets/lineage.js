// Who descends from whom: a chart of quality by birth, and a tree that can be folded.

function descentChart(run, width, all) {
  const y = qualitySpan(run, all);
  const rows = run.scored.filter((c) => within(c.objectives.quality, y));
  const shown = new Set(rows);
  const links = rows.flatMap((c) => {
    const parent = run.byNumber.get(c.parents[0]);
    return shown.has(parent) ? [{ from: parent, to: c }] : [];
  });
  const ends = { x1: (l) => l.from.number, y1: (l) => l.from.objectives.quality, x2: (l) => l.to.number, y2: (l) => l.to.objectives.quality };
  const colour = (c) => ({ gain: "var(--gain)", regression: "var(--loss)" })[c.verdict] ?? (c.seed ? "var(--seed)" : "var(--dot)");
  const chart = draw({
    width,
    height: Math.max(300, Math.min(420, width * 0.45)),
    ariaLabel: "Descent: each candidate by number and quality, joined to its parent; arrow keys go to the next in their direction, Page Down through all",
    x: { label: "number of the candidate", grid: true, domain: padded([0, d3.max(run.candidates, (c) => c.number) ?? 1]), ticks: Math.max(3, Math.round(width / 110)) },
    y: { label: "quality", grid: true, domain: padded(y) },
    color: { type: "identity" },
    symbol: { type: "identity" },
    r: { type: "identity" },
    marks: [
      Plot.link(links, { ...ends, stroke: (l) => colour(l.to), strokeOpacity: 0.35 }),
      Plot.link(links.filter((l) => run.line.has(l.to.number)), { ...ends, stroke: "var(--accent)", strokeWidth: 3 }),
      Plot.dot(rows, { x: "number", y: (c) => c.objectives.quality, r: (c) => (c.front || c.seed ? 6 : 4), symbol: (c) => (c.seed ? "diamond" : "circle"), fill: colour, stroke: (c) => (c.front ? "var(--accent)" : "var(--card)"), strokeWidth: (c) => (c.front ? 2.5 : 0.75), href }),
      Plot.text(rows.filter((c) => run.line.has(c.number)), { x: "number", y: (c) => c.objectives.quality, text: label, dy: -14, fill: "var(--ink)", fontWeight: 600, stroke: "var(--card)", strokeWidth: 4, pointerEvents: "none" }),
    ],
  });
  return [speaking(run, chart), run.scored.length - rows.length];
}

/** The tree: up and down go through the rows, right unfolds, left folds or goes to the parent, Enter opens. */
function lineageTree(run, open) {
  const rows = [];
  const branch = (c, level) => {
    const below = run.children.get(c.number).filter((n) => run.byNumber.get(n).parents[0] === c.number);
    const row = el(
      "li",
      {
        role: "treeitem",
        "aria-level": level,
        "aria-expanded": below.length ? "true" : null,
        "aria-label": spoken(run, c) + (c.message ? `. ${c.message}` : ""),
        "data-number": c.number,
        class: run.line.has(c.number) ? "line" : null,
      },
      treeRow(run, c, below.length),
    );
    rows.push(row);
    if (below.length) row.append(el("ul", { role: "group" }, below.map((n) => branch(run.byNumber.get(n), level + 1))));
    return row;
  };
  const roots = run.candidates.filter((c) => !run.byNumber.has(c.parents[0]));
  const list = el("ul", { role: "tree", class: "tree", "aria-label": "Lineage" }, roots.map((c) => branch(c, 1)));
  const number = (row) => Number(row.dataset.number);
  const fold = (row, expanded) => row.hasAttribute("aria-expanded") && row.setAttribute("aria-expanded", String(expanded));
  const activate = roveRows(list, rows, {
    ArrowRight: (row) => (row.getAttribute("aria-expanded") === "false" ? (fold(row, true), row) : row.querySelector("li") ?? row),
    ArrowLeft: (row) => (row.getAttribute("aria-expanded") === "true" ? (fold(row, false), row) : row.parentElement.closest("li") ?? row),
    Enter: (row) => (open(number(row)), null),
  });
  list.addEventListener("click", (event) => {
    const row = event.target.closest("li");
    if (!row) return;
    activate(row);
    if (event.target.closest(".fold")) fold(row, row.getAttribute("aria-expanded") === "false");
    else open(number(row));
  });
  return list;
}

function treeRow(run, c, unfolds) {
  const verdict = VERDICTS[c.verdict];
  const [low, high] = qualitySpan(run, false);
  const share = isNumber(c.objectives.quality) ? Math.max(0, Math.min(1, (c.objectives.quality - low) / (high - low || 1))) : 0;
  return el(
    "div",
    { class: "row" },
    el("span", { class: "fold", "aria-hidden": "true" }, unfolds ? "" : null),
    el("b", {}, `#${c.number}`),
    el("span", { class: "meter", "aria-hidden": "true" }, el("span", { style: `width:${(share * 100).toFixed(1)}%` })),
    el("span", { class: "number" }, worth(c)),
    el("span", { class: `delta ${c.verdict}` }, c.change ? signed(c.change.mean) : "", verdict ? ` ${verdict.mark}` : ""),
    c.front ? el("span", { class: "star", title: "on the front" }, "★") : null,
    el("span", { class: "title" }, c.title, c.parents.length > 1 ? ` with #${c.parents.slice(1).join(", #")}` : ""),
    c.message ? el("span", { class: "message" }, c.message) : null,
  );
}

// What became of each task under one program.

const ALL = "all";

/** The table of tasks, with filters; a task opens below its row. */
function itemsPanel(run, c, task, go) {
  const parent = run.byNumber.get(c.parents[0]);
  const tasks = run.main.tasks.map((t, i) => ({ ...t, i, score: c.scores[i], before: parent?.scores[i] })).filter((t) => isNumber(t.score));
  if (!tasks.length) return el("p", { class: "hint" }, "No task of this candidate has a score.");
  const body = el("tbody");
  const filter = { which: ALL, category: ALL, order: "score" };
  const status = el("p", { class: "hint", role: "status" });
  const render = () => {
    const kept = tasks.filter((t) => matches(t, filter));
    const key = { score: (t) => t.score, change: (t) => t.score - (t.before ?? t.score), id: () => 0 }[filter.order];
    status.textContent = `${plural(kept.length, "task")} of ${tasks.length}`;
    fill(body, d3.sort(kept, key).map((t) => itemRow(run, c, t, t.id === task, go)));
    const links = [...body.querySelectorAll("a.task")];
    rove(links, links.find((link) => link.getAttribute("aria-expanded") === "true"));
    const opened = body.querySelector("tr.opened");
    if (opened) requestAnimationFrame(() => opened.previousElementSibling.scrollIntoView({ block: "start" }));
  };
  const set = (name) => (value) => { filter[name] = value; render(); };
  const categories = [...new Set(tasks.map((t) => t.category))].sort();
  const which = [[ALL, "all"], ["lost", "lost"], ...(parent ? [["better", `better than #${parent.number}`], ["worse", `worse than #${parent.number}`]] : [])];
  const orders = [["score", "worst first"], ["change", "most lost first"], ["id", "as they stand"]];
  render();
  return [
    el(
      "div",
      { class: "controls" },
      select("Show", which, filter.which, set("which")),
      categories.length > 1 ? select("Category", [[ALL, "all"], ...categories.map((name) => [name, name])], ALL, set("category")) : null,
      select("Order", orders, filter.order, set("order")),
      status,
    ),
    run.meta.questions_missing ? el("p", { class: "hint" }, `Questions and answers are not here: ${run.meta.questions_missing}`) : null,
    el(
      "div",
      { class: "scroll" },
      el(
        "table",
        { class: "items" },
        el("thead", {}, el("tr", {}, ["score", parent ? `to #${parent.number}` : "", "task"].map((text) => el("th", { scope: "col" }, text)))),
        body,
      ),
    ),
  ];
}

function matches(t, { which, category }) {
  if (category !== ALL && t.category !== category) return false;
  if (which === "lost") return t.score < 0.5;
  if (which === "better") return isNumber(t.before) && t.score > t.before;
  return which === "worse" ? isNumber(t.before) && t.score < t.before : true;
}

function itemRow(run, c, t, opened, go) {
  const change = isNumber(t.before) ? t.score - t.before : null;
  const target = `#c${c.number}/tasks${opened ? "" : `/${encodeURIComponent(t.id)}`}`;
  const link = el("a", { href: target, class: "task", "aria-expanded": String(opened), "data-task": t.id }, t.question ?? t.id);
  const row = el(
    "tr",
    {},
    el("td", { class: `number ${t.score < 0.5 ? "loss" : ""}` }, fixed(t.score, 2)),
    el("td", { class: `number ${change > 0 ? "gain" : change < 0 ? "regression" : ""}` }, change ? signed(change, 2) : ""),
    el("td", {}, link, el("span", { class: "tag" }, t.category), el("span", { class: "hint" }, t.question ? ` ${t.id}` : "")),
  );
  if (!opened) return [row];
  const cell = el("td", { colspan: 3 }, el("p", { class: "hint" }, "unpacking …"));
  run.items().then(
    (items) => fill(cell, trace(run, c, t, items)),
    (error) => fill(cell, el("p", { class: "hint" }, error.message)),
  );
  return [row, el("tr", { class: "opened" }, cell)];
}

function trace(run, c, t, items) {
  const item = items.tasks[t.id]?.[c.number];
  const command = `evolve trace ${run.meta.run} ${c.number} ${t.id}`;
  if (!item) return el("p", {}, "What happened here does not fit into this file. See it with ", el("code", {}, command));
  const text = (numbers) => (numbers ?? []).map((n) => items.lines[n]).join("\n");
  const evidence = (t.evidence ?? []).map((p) => ({ ...p, found: contains(text(item.retrieved), p.text) }));
  const part = (title, content) => (content && content.length !== 0 ? el("section", {}, el("h5", {}, title), content) : null);
  const pre = (content) => (content ? el("pre", {}, content) : null);
  const episodes = [...new Set(evidence.map((p) => p.episode))];
  return el(
    "div",
    { class: "trace" },
    item.stage ? el("p", { class: "lost" }, el("b", {}, `Lost: ${item.stage.replaceAll("_", " ")}`), `, ${run.meta.stages[item.stage]}.`) : null,
    item.inconclusive ? el("p", { class: "lost" }, `No score: ${item.inconclusive}`) : null,
    item.failure ? el("p", { class: "lost" }, `Failed: ${item.failure}`) : null,
    part("Accepted answers", t.answers?.length ? el("p", {}, t.answers.join(" · ")) : null),
    part("Answer", el("p", {}, item.answer || "nothing")),
    part(
      "Gold evidence",
      evidence.length
        ? el("ul", { class: "evidence" }, evidence.map((p) => el("li", { class: p.found ? "gain" : "loss" }, el("b", {}, p.found ? "retrieved " : "missing "), p.text, el("span", { class: "hint" }, ` ${p.episode}`))))
        : null,
    ),
    part("Query", pre(text(item.query))),
    part(`Retrieved (${count(text(item.retrieved).length)} characters, ${item.ms ?? "–"} ms)`, item.retrieved ? marked(text(item.retrieved), evidence) : el("p", {}, "nothing")),
    (item.steps ?? []).map(([command, observation, then]) => [
      part(`Did: ${command}`, pre(text(observation))),
      then === undefined ? null : fold("Retrieved then", text(then) || "nothing"),
    ]),
    episodes.map((episode) => [
      fold(`What the agent extracted of ${episode}`, text(items.writes[c.number]?.[episode])),
      fold(`The text of ${episode}`, text(items.episodes[episode])),
    ]),
    fold("Log", text(item.logs)),
    el("p", { class: "hint" }, "The same in a terminal: ", el("code", {}, command)),
  );
}

function fold(title, content) {
  return content ? el("details", {}, el("summary", {}, title), el("pre", {}, content)) : null;
}

const plainWords = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu)?.join(" ") ?? "";
const contains = (text, passage) => plainWords(text).includes(plainWords(passage));

/** What was retrieved, with the lines that hold evidence marked. */
function marked(text, evidence) {
  const passages = evidence.map((p) => plainWords(p.text)).filter(Boolean);
  const holds = (line) => {
    const words = plainWords(line);
    return words.length > 12 && passages.some((p) => words.includes(p) || p.includes(words));
  };
  const lines = text.split("\n").flatMap((line) => [holds(line) ? el("mark", {}, line) : line, "\n"]);
  return el("pre", {}, lines.slice(0, -1));
}

// One tab stop for each chart or list; the arrow keys go from one thing in it to the next.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Let the arrow keys move the focus among `nodes` by where they lie; Page Up and Down go by their order. */
function rove(nodes, start) {
  if (!nodes.length) return;
  const activate = (chosen) => nodes.forEach((node) => node.setAttribute("tabindex", node === chosen ? "0" : "-1"));
  activate(start ?? nodes[0]);
  nodes.forEach((node, at) => {
    node.addEventListener("focus", () => activate(node));
    node.addEventListener("keydown", (event) => {
      const ordered = { Home: nodes[0], End: nodes.at(-1), PageUp: nodes[at - 1], PageDown: nodes[at + 1] };
      const next = ARROWS[event.key] ? nearest(at, nodes, ARROWS[event.key]) : ordered[event.key];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
  });
}

/** The node that lies nearest in a direction; being out of line counts double. Of nodes that lie upon each
 * other, the later ones count as further to the right and further down. */
function nearest(at, nodes, [right, down]) {
  const middle = (node) => {
    const box = node.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  };
  const [x, y] = middle(nodes[at]);
  let best = null;
  let least = Infinity;
  nodes.forEach((node, i) => {
    if (i === at) return;
    const [a, b] = middle(node);
    const upon = Math.abs(a - x) < 0.5 && Math.abs(b - y) < 0.5;
    const along = upon ? (i - at) * 1e-4 * (right + down) : (a - x) * right + (b - y) * down;
    if (along <= 0) return;
    const across = upon ? 0 : Math.abs((a - x) * down) + Math.abs((b - y) * right);
    if (along + 2 * across < least) [best, least] = [node, along + 2 * across];
  });
  return best;
}

/** Up and down through rows that may be folded away; `moves` adds what left and right do. */
function roveRows(list, rows, moves = {}) {
  const shown = () => rows.filter((row) => row.offsetParent !== null);
  const activate = (chosen) => rows.forEach((row) => row.setAttribute("tabindex", row === chosen ? "0" : "-1"));
  activate(rows[0]);
  list.addEventListener("focusin", (event) => rows.includes(event.target) && activate(event.target));
  list.addEventListener("keydown", (event) => {
    const row = event.target;
    if (!rows.includes(row)) return;
    const visible = shown();
    const at = visible.indexOf(row);
    const targets = { ArrowDown: visible[at + 1], ArrowUp: visible[at - 1], Home: visible[0], End: visible.at(-1) };
    const next = event.key in targets ? targets[event.key] : moves[event.key]?.(row);
    if (!(event.key in targets) && !(event.key in moves)) return;
    event.preventDefault();
    next?.focus();
  });
  return activate;
}

/** A list of tabs: left and right go from one to the next, which opens it. */
function tabs(label, entries, chosen, open) {
  const buttons = entries.map(([key, text]) =>
    el(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${key}`,
        "aria-selected": String(key === chosen),
        "aria-controls": "tab-panel",
        tabindex: key === chosen ? 0 : -1,
        onclick: () => open(key),
      },
      text,
    ),
  );
  const list = el("div", { role: "tablist", class: "tabs", "aria-label": label }, buttons);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.indexOf(document.activeElement);
    const key = entries[(at + step + entries.length) % entries.length][0];
    open(key);
    byId(`tab-${key}`).focus();
  });
  return list;
}

/** The box that says what a point is, when the pointer or the focus is on it. */
const tip = {
  show(node, content) {
    const box = byId("tip");
    fill(box, content);
    box.hidden = false;
    const at = node.getBoundingClientRect();
    const { width, height } = box.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - width / 2), document.documentElement.clientWidth - width - 8);
    const above = at.top - height - 10;
    box.style.left = `${left + window.scrollX}px`;
    box.style.top = `${(above > 4 ? above : at.bottom + 10) + window.scrollY}px`;
  },
  hide() {
    byId("tip").hidden = true;
  },
};

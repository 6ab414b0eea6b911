// Elements and numbers. Foreign text only ever becomes a text node or an attribute value.

/** An element: `el("a", {href, class: "x", onclick: f}, child, "text", null)`; empty children are left out. */
function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

const byId = (id) => document.getElementById(id);

function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const fixed = (value, digits = 3) => (isNumber(value) ? value.toFixed(digits).replace("-", "−") : "–");
const signed = (value, digits = 3) => (isNumber(value) ? (value > 0 ? "+" : "") + fixed(value, digits) : "–");
const percent = (value) => (isNumber(value) ? `${Math.round(value * 100)} %` : "–");
const count = (value) => (isNumber(value) ? Math.round(value).toLocaleString("en-US") : "–");
const plural = (n, word, words = `${word}s`) => `${count(n)} ${n === 1 ? word : words}`;

const interval = (value) =>
  value && isNumber(value.mean) ? `${fixed(value.mean)} [${fixed(value.low)}, ${fixed(value.high)}]` : "–";
const difference = (value) =>
  value && isNumber(value.mean) ? `${signed(value.mean)} [${signed(value.low)}, ${signed(value.high)}]` : "–";

function duration(seconds) {
  if (!isNumber(seconds)) return "–";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** An option list that calls `onchange(value)`. */
function select(label, options, value, onchange) {
  const choices = options.map(([key, text]) => el("option", { value: key, selected: key === value }, text));
  const node = el("select", { onchange: () => onchange(node.value) }, choices);
  return el("label", { class: "choice" }, el("span", {}, label), node);
}

function checkbox(label, checked, onchange) {
  const node = el("input", { type: "checkbox", checked, onchange: () => onchange(node.checked) });
  return el("label", { class: "choice" }, node, el("span", {}, label));
}

/** The value of a custom property of the page, such as a colour of the current theme. */
const themed = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

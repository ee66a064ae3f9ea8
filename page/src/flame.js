// Where hits come from: tasks at the bottom, the function that made the access on top.
import flamegraph from "d3-flame-graph";
import { select } from "d3-selection";
import { el, replaceChildren, visible } from "./dom.js";
import { count, fileName, percent } from "./format.js";
import { colour, onTheme } from "./theme.js";

const cellHeight = 19;
const shades = {
  all: "--flame-all",
  task: "--flame-task",
  user: "--flame-user",
  kernel: "--flame-kernel",
  other: "--flame-other",
};

// The tree as the library wants it, which marks nodes while it zooms: a copy, names made visible.
function treeOf(node) {
  const top = copyOf(node);
  const open = [[node, top]];
  while (open.length) {
    const [from, to] = open.pop();
    for (const child of from.c ?? []) {
      const copy = copyOf(child);
      to.c.push(copy);
      open.push([child, copy]);
    }
  }
  return top;
}
const copyOf = (node) => ({ n: visible(node.n), v: node.v, k: node.k, m: visible(node.m ?? ""), c: [] });

// Equal names get equal shades, so that a function is found again elsewhere in the graph.
function shadeOf(text) {
  let hash = 0;
  for (let i = 0; i < Math.min(text.length, 64); ++i) hash = (hash * 31 + text.charCodeAt(i)) | 0;
  return (Math.abs(hash) % 100) / 100;
}

export class FlameSection {
  constructor(section) {
    this.stage = el("div", {
      class: "flame",
      tabindex: "0",
      role: "group",
      "aria-label": "Flame graph. Arrow keys walk through it, Enter zooms in, Escape shows all.",
    });
    this.stage.addEventListener("keydown", (event) => this.onKey(event));
    this.details = el("output", { class: "details mono", "aria-live": "polite" });
    this.search = el("input", {
      type: "search",
      placeholder: "Find a function",
      "aria-label": "Find in the flame graph",
      maxlength: "200",
      id: "flame-search",
    });
    this.search.addEventListener("input", () => this.find());
    this.reset_button = el(
      "button",
      { type: "button", class: "quiet", onclick: () => this.reset() },
      "Show all",
    );
    replaceChildren(
      section,
      el(
        "div",
        { class: "head" },
        el("h2", null, "Where hits come from"),
        el(
          "span",
          { class: "key" },
          ["task", "user", "kernel"].map((kind) =>
            el("span", null, el("i", { class: `swatch flame-${kind}` }), kind),
          ),
        ),
        this.search,
        this.reset_button,
      ),
      this.stage,
      this.details,
    );
    onTheme(() => this.redraw());
    new ResizeObserver(() => this.resize()).observe(this.stage);
  }

  update(data) {
    const path = this.zoomed ? this.pathOf(this.zoomed) : null;
    this.total = data.flame.v;
    this.tree = treeOf(data.flame);
    this.zoomed = null;
    this.focused = null;
    if (!this.chart) this.make();
    else this.chart.update(this.tree);
    if (path) this.zoomTo(this.nodeAt(path));
    if (this.search.value) this.find();
    else this.say(null);
  }

  make() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.chart = flamegraph()
      .width(this.width())
      .cellHeight(cellHeight)
      .minFrameSize(1) // what is narrower than a pixel is not seen, and there may be 20,000 of it
      .resetHeightOnZoom(true)
      .transitionDuration(still ? 0 : 120)
      .sort((a, b) => b.value - a.value)
      .setColorMapper((node) => this.fill(node))
      .setLabelHandler((node) => this.label(node))
      .setSearchMatch((node, term) => this.matches(node, term))
      .setSearchHandler((found, sum) =>
        this.say(`${count(found.length)} frames match, ${count(sum)} hits (${percent(sum, this.total)})`),
      )
      .setDetailsHandler((text) => this.say(text))
      .onClick((node) => this.onZoom(node));
    this.last_width = this.width();
    select(this.stage).datum(this.tree).call(this.chart);
  }

  width() {
    return Math.max(this.stage.clientWidth, 280);
  }

  label(node) {
    const module = node.data.m ? `  [${node.data.k === "user" ? fileName(node.data.m) : node.data.m}]` : "";
    return `${node.data.n}${module}  ${count(node.data.v)} hits, ${percent(node.data.v, this.total)}`;
  }

  fill(node) {
    if (node.highlight) return colour("--flame-found");
    const base = colour(shades[node.data.k] ?? shades.other);
    return `color-mix(in srgb, ${base} ${Math.round(72 + 28 * shadeOf(node.data.n))}%, ${colour("--paper")})`;
  }

  matches(node, term) {
    const needle = term.toLowerCase();
    return (
      needle !== "" &&
      (node.data.n.toLowerCase().includes(needle) || node.data.m.toLowerCase().includes(needle))
    );
  }

  find() {
    const term = this.search.value.trim();
    if (term) this.chart.search(term);
    else {
      this.chart.clear();
      this.say(null);
    }
  }

  say(text) {
    if (text) this.details.textContent = text;
    else this.details.textContent = this.zoomed ? this.label(this.zoomed) : `${count(this.total)} hits`;
  }

  onZoom(node) {
    this.zoomed = node.parent ? node : null;
    this.stage.dataset.zoomed = this.zoomed ? node.data.n : "";
    this.say(null);
  }

  zoomTo(node) {
    if (node) this.chart.zoomTo(node);
  }

  reset() {
    this.search.value = "";
    this.chart.clear();
    this.chart.resetZoom();
    this.setFocus(null);
    this.say(null);
  }

  root() {
    return select(this.stage).datum();
  }

  pathOf(node) {
    const path = [];
    for (let at = node; at.parent; at = at.parent) path.unshift([at.data.k, at.data.n, at.data.m]);
    return path;
  }

  nodeAt(path) {
    let node = this.root();
    for (const [kind, text, module] of path) {
      node = node.children?.find(
        (child) => child.data.k === kind && child.data.n === text && child.data.m === module,
      );
      if (!node) return null;
    }
    return node;
  }

  redraw() {
    if (this.chart) this.chart.update();
  }

  resize() {
    if (!this.chart || this.width() === this.last_width) return;
    this.last_width = this.width();
    this.chart.width(this.last_width);
    this.chart.update();
  }

  setFocus(node) {
    this.focused = node;
    select(this.stage)
      .selectAll("g")
      .classed("focused", (one) => one === node);
    if (node) this.say(this.label(node));
  }

  onKey(event) {
    const at = this.focused ?? this.zoomed ?? this.root();
    const shown = (nodes) => (nodes ?? []).filter((node) => node.value > 0).sort((a, b) => b.value - a.value);
    const beside = (step) => {
      const siblings = shown(at.parent?.children);
      return siblings[siblings.indexOf(at) + step];
    };
    const moves = {
      ArrowUp: () => this.setFocus(shown(at.children)[0] ?? at),
      ArrowDown: () => this.setFocus(at.parent ?? at),
      ArrowLeft: () => this.setFocus(beside(-1) ?? at),
      ArrowRight: () => this.setFocus(beside(1) ?? at),
      Enter: () => (this.zoomTo(at), this.setFocus(at)),
      Escape: () => this.reset(),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  }
}

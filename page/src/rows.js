// The table of hits: as many rows in the document as are seen, however many there are.
import { el, name, replaceChildren, visible } from "./dom.js";
import { clock, count, since } from "./format.js";
import { stackOf } from "./stack.js";

const rowHeight = 26; // as in style.css
const beyond = 8; // rows made above and below what is seen
const printedRows = 60;

const columns = ["#", "Time", "Task", "pid/tid", "CPU", "Access", "Target", "Old", "New", "Function"];

export class RowsSection {
  constructor(section) {
    this.selected = null; // place in `found`
    this.search = el("input", {
      type: "search",
      id: "rows-search",
      placeholder: "Search: task, function, value, pid …",
      "aria-label": "Search the hits",
      maxlength: "200",
    });
    this.search.addEventListener("input", () => this.find());
    this.how = el("output", { class: "muted", id: "rows-how", "aria-live": "polite" });
    this.filler = el("div", { class: "filler", role: "presentation" });
    this.window = el("div", { class: "window", role: "rowgroup" });
    const head = el(
      "div",
      { class: "row head-row", role: "row" },
      columns.map((column) => el("span", { role: "columnheader" }, column)),
    );
    this.body = el(
      "div",
      {
        class: "rows",
        tabindex: "0",
        role: "table",
        "aria-label": "Hits. Arrow keys walk through them, Enter shows the stack.",
      },
      head,
      this.filler,
      this.window,
    );
    this.body.addEventListener("scroll", () => this.draw());
    this.body.addEventListener("keydown", (event) => this.onKey(event));
    this.window.addEventListener("click", (event) => this.onClick(event));
    this.stack = el("div", { class: "row-stack", hidden: true, "aria-live": "polite" });
    replaceChildren(
      section,
      el("div", { class: "head" }, el("h2", null, "Hits"), this.how, this.search),
      this.body,
      this.stack,
    );
    new ResizeObserver(() => this.draw()).observe(this.body);
    addEventListener("beforeprint", () => this.print(true));
    addEventListener("afterprint", () => this.print(false));
  }

  update(data) {
    this.data = data;
    const { rows, strings } = data;
    this.text = (column, i) => (rows[column][i] === null ? "?" : strings[rows[column][i]]);
    this.haystack = null;
    this.find();
  }

  // One text a row, of everything that can be searched; made when somebody searches.
  lines() {
    if (this.haystack) return this.haystack;
    const { rows, watch } = this.data;
    this.haystack = rows.seq.map((seq, i) =>
      [
        `#${seq}`,
        this.text("comm", i),
        rows.pid[i],
        rows.tid[i],
        `cpu ${rows.cpu[i]}`,
        this.text("access", i),
        watch.targets[rows.target[i]]?.name ?? "",
        this.text("old", i),
        this.text("new", i),
        this.text("function", i),
      ]
        .join(" ")
        .toLowerCase(),
    );
    return this.haystack;
  }

  find() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { rows } = this.data;
    const everything = words.length === 0;
    this.found = [];
    for (let i = 0; i < rows.kept; ++i)
      if (everything || words.every((word) => this.lines()[i].includes(word))) this.found.push(i);
    const kept =
      rows.how === "all"
        ? `all ${count(rows.total)}`
        : `${count(rows.kept)} of ${count(rows.total)}: ${rows.how}`;
    this.how.textContent = everything
      ? kept
      : `${count(this.found.length)} of the ${count(rows.kept)} rows match`;
    this.body.setAttribute("aria-rowcount", String(this.found.length + 1));
    if (this.selected !== null && this.selected >= this.found.length) this.select(null);
    this.filler.style.height = `${this.found.length * rowHeight}px`;
    this.draw();
  }

  // On paper nobody scrolls: the first ones.
  print(is_printed) {
    this.is_printed = is_printed;
    this.draw();
  }

  draw() {
    if (!this.found) return;
    const first = this.is_printed ? 0 : Math.max(0, Math.floor(this.body.scrollTop / rowHeight) - beyond);
    const fit = this.is_printed ? printedRows : Math.ceil(this.body.clientHeight / rowHeight) + 2 * beyond;
    const shown = this.found.slice(first, first + fit);
    this.window.style.transform = `translateY(${first * rowHeight}px)`;
    replaceChildren(
      this.window,
      shown.map((i, k) => this.row(i, first + k)),
    );
    if (!shown.length)
      replaceChildren(
        this.window,
        el("p", { class: "muted" }, this.data.rows.total ? "No row matches." : "No access was seen."),
      );
  }

  row(i, place) {
    const { rows, watch, start_wall_ms } = this.data;
    const cell = (content, attributes) => el("span", { role: "cell", ...attributes }, content);
    const changed = rows.old[i] !== rows.new[i];
    const access = this.text("access", i);
    return el(
      "div",
      {
        class: place === this.selected ? "row is-selected" : "row",
        role: "row",
        "data-place": place,
        "aria-rowindex": String(place + 2),
        "aria-selected": String(place === this.selected),
      },
      cell(count(rows.seq[i])),
      cell(clock(start_wall_ms, rows.t_us[i]), { title: since(rows.t_us[i]) }),
      cell(name(this.text("comm", i))),
      cell(rows.pid[i] === rows.tid[i] ? String(rows.pid[i]) : `${rows.pid[i]}/${rows.tid[i]}`),
      cell(String(rows.cpu[i])),
      cell(access, { class: `access ${access}` }),
      cell(name(watch.targets[rows.target[i]]?.name ?? "?")),
      cell(visible(this.text("old", i)), { class: "mono" }),
      cell(visible(this.text("new", i)), { class: changed ? "mono changed" : "mono" }),
      cell(name(this.text("function", i)), { class: "mono" }),
    );
  }

  select(place) {
    this.selected = place;
    if (place === null) {
      this.stack.hidden = true;
      return this.draw();
    }
    const top = place * rowHeight;
    const room = this.body.clientHeight - 2 * rowHeight;
    if (top < this.body.scrollTop) this.body.scrollTop = top;
    else if (top > this.body.scrollTop + room) this.body.scrollTop = top - room;
    this.draw();
    if (!this.stack.hidden) this.showStack();
  }

  showStack() {
    if (this.selected === null) return;
    const i = this.found[this.selected];
    this.stack.hidden = false;
    replaceChildren(
      this.stack,
      el("h3", null, `Hit #${count(this.data.rows.seq[i])}`),
      stackOf(this.data, this.data.rows.stack[i]),
    );
  }

  onClick(event) {
    const row = event.target.closest("[data-place]");
    if (!row) return;
    this.select(Number(row.dataset.place));
    this.showStack();
  }

  onKey(event) {
    const last = this.found.length - 1;
    if (last < 0) return;
    const at = this.selected ?? -1;
    const page = Math.max(1, Math.floor(this.body.clientHeight / rowHeight) - 2);
    const moves = {
      ArrowDown: () => this.select(Math.min(at + 1, last)),
      ArrowUp: () => this.select(Math.max(at - 1, 0)),
      PageDown: () => this.select(Math.min(at + page, last)),
      PageUp: () => this.select(Math.max(at - page, 0)),
      Home: () => this.select(0),
      End: () => this.select(last),
      Enter: () => this.showStack(),
      Escape: () => this.select(null),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  }
}

// Who made the accesses: one row an instruction, with the values it leaves behind.
import { el, name, replaceChildren } from "./dom.js";
import { clock, count, fileName, percent, since, span, task } from "./format.js";
import { stackOf } from "./stack.js";

const shownAtFirst = 15;

const readOnly = (change) => change.old === change.new;
const arrow = (change) =>
  readOnly(change)
    ? el("span", { class: "mono change" }, change.new ?? "?")
    : el(
        "span",
        { class: "mono change" },
        change.old ?? "?",
        el("span", { class: "muted" }, " → "),
        change.new ?? "?",
      );

export class WritersSection {
  constructor(section) {
    this.open = new Set(); // keys of the rows whose details are shown
    this.all = false;
    this.body = el("tbody");
    this.more = el("button", {
      type: "button",
      class: "quiet",
      onclick: () => ((this.all = true), this.fill()),
    });
    this.left_out = el("p", { class: "hint" });
    const heads = ["Hits", "Function", "Access", "Old and new value", "Tasks", "Last"];
    replaceChildren(
      section,
      el("div", { class: "head" }, el("h2", null, "Who accessed it")),
      el(
        "table",
        { class: "writers", id: "writers-table" },
        el("caption", { class: "sr" }, "Instructions that made accesses, most hits first"),
        el(
          "thead",
          null,
          el(
            "tr",
            null,
            heads.map((head) => el("th", { scope: "col" }, head)),
          ),
        ),
        this.body,
      ),
      this.more,
      this.left_out,
    );
  }

  update(data) {
    this.data = data;
    this.fill();
  }

  fill() {
    const { writers, writers_total, counts } = this.data;
    const shown = this.all ? writers : writers.slice(0, shownAtFirst);
    const focus = document.activeElement?.dataset?.writer;
    replaceChildren(
      this.body,
      shown.flatMap((writer, index) => this.rows(writer, index, counts.shown)),
    );
    if (focus) this.body.querySelector(`[data-writer="${CSS.escape(focus)}"]`)?.focus();
    if (!writers.length)
      replaceChildren(
        this.body,
        el("tr", null, el("td", { colspan: "6", class: "muted" }, "No access was seen.")),
      );
    this.more.hidden = shown.length === writers.length;
    this.more.textContent = `Show all ${count(writers.length)}`;
    this.left_out.textContent =
      writers_total > writers.length
        ? `${count(writers_total - writers.length)} more instructions with fewer hits are not in this report.`
        : "";
  }

  rows(writer, index, total) {
    const key = `${writer.function}|${writer.module}|${writer.where}|${writer.instruction}|${writer.access}`;
    const is_open = this.open.has(key);
    const details = `writer-${index}`;
    const toggle = el(
      "button",
      {
        type: "button",
        class: "open",
        "aria-expanded": String(is_open),
        "aria-controls": details,
        "data-writer": key,
        onclick: () => this.toggle(key),
      },
      name(writer.function),
    );
    const share = el("meter", {
      min: "0",
      max: String(total),
      value: String(writer.hits),
      "aria-hidden": "true",
    });
    // The most frequent change; the last one, where none came often.
    const often = writer.changes[0]?.hits > 1;
    const change = often ? writer.changes[0] : writer.last;
    const row = el(
      "tr",
      { class: is_open ? "is-open" : "" },
      el(
        "td",
        { class: "n", "data-label": "Hits" },
        el("b", null, count(writer.hits)),
        el("span", { class: "muted" }, percent(writer.hits, total)),
        share,
      ),
      el(
        "td",
        { "data-label": "Function" },
        toggle,
        el(
          "div",
          { class: "muted" },
          writer.where ? name(writer.where) : null,
          writer.module ? name(fileName(writer.module), { class: "module" }) : null,
        ),
        el("code", null, name(writer.instruction || "instruction unknown")),
        this.caller(writer),
      ),
      el("td", { "data-label": "Access" }, el("span", { class: `access ${writer.access}` }, writer.access)),
      el(
        "td",
        { "data-label": "Old and new value" },
        change
          ? [
              arrow(change),
              writer.hits > 1
                ? el("div", { class: "muted" }, often ? this.times(change) : "the last of many")
                : null,
            ]
          : el("span", { class: "muted" }, "—"),
      ),
      el("td", { "data-label": "Tasks" }, this.tasks(writer)),
      el(
        "td",
        { class: "n", "data-label": "Last", title: since(writer.last_us) },
        clock(this.data.start_wall_ms, writer.last_us),
        writer.hits > 1 ? el("div", { class: "muted" }, `over ${span(writer.last_us - writer.first_us)}`) : null,
      ),
    );
    return is_open
      ? [row, el("tr", { class: "details", id: details }, el("td", { colspan: "6" }, this.details(writer)))]
      : [row];
  }

  times(change) {
    if (change.hits === 1) return change.at_least ? "among others" : "once";
    return `${change.at_least ? "at least " : ""}${count(change.hits)} times`;
  }

  // Who had called it at its last hit: of a memcpy() that is the one to ask.
  caller(writer) {
    const stack = this.data.stacks[writer.stack];
    const frame = this.data.frames[(stack?.k.length ? stack.k : stack?.u)?.[1]];
    return frame ? el("div", { class: "muted" }, "last called by ", name(frame.s, { class: "symbol" })) : null;
  }

  tasks(writer) {
    const shown = writer.tasks.slice(0, 2).map((one) => el("div", null, name(task(one))));
    const rest = writer.tasks_total - shown.length;
    if (rest > 0)
      shown.push(
        el("div", { class: "muted" }, `and ${writer.tasks_at_least ? "at least " : ""}${count(rest)} more`),
      );
    return shown;
  }

  details(writer) {
    return el(
      "div",
      { class: "columns" },
      el(
        "div",
        null,
        el("h4", null, "Changes"),
        el(
          "ul",
          { class: "plain" },
          writer.changes.map((change) =>
            el(
              "li",
              null,
              arrow(change),
              ` ${this.times(change)}`,
              this.data.watch.targets.length > 1
                ? el(
                    "span",
                    { class: "muted" },
                    " ",
                    name(this.data.watch.targets[change.target]?.name ?? ""),
                  )
                : null,
            ),
          ),
        ),
      ),
      el(
        "div",
        null,
        el("h4", null, "Tasks"),
        el(
          "ul",
          { class: "plain" },
          writer.tasks.map((one) => el("li", null, name(task(one)), ` ${count(one.hits)} hits`)),
        ),
      ),
      el("div", null, el("h4", null, "Stack of its last hit"), stackOf(this.data, writer.stack)),
    );
  }

  toggle(key) {
    if (!this.open.delete(key)) this.open.add(key);
    this.fill();
    this.body.querySelector(`[data-writer="${CSS.escape(key)}"]`)?.focus();
  }
}

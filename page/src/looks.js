// What a script said at a hit, and in its second looks: fields, and memory as a dump.
import { el, name, replaceChildren } from "./dom.js";
import { clock, count } from "./format.js";

const wheres = { hit: "at the hit", followup: "follow-up", task_look: "in the task" };
const perLine = 16;
const shownAtFirst = 12;

function dumpOf(snapshot) {
  if (snapshot.failed)
    return el("div", { class: "muted" }, `memory at ${snapshot.address} could not be read`);
  const bytes = snapshot.hex.match(/../g) ?? [];
  const address = BigInt(snapshot.address);
  const lines = [];
  for (let at = 0; at < bytes.length; at += perLine) {
    const line = bytes.slice(at, at + perLine);
    const text = line
      .map((byte) => parseInt(byte, 16))
      .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."))
      .join("");
    const halves = `${line.slice(0, 8).join(" ")}  ${line.slice(8).join(" ")}`.padEnd(perLine * 3);
    lines.push(`0x${(address + BigInt(at)).toString(16)}  ${halves}  ${text}`);
  }
  return el("pre", { class: "dump", tabindex: "0" }, lines.join("\n"));
}

function lookOf(look, data) {
  return el(
    "article",
    { class: "look" },
    el(
      "h3",
      null,
      `hit #${count(look.hit)}`,
      el(
        "span",
        { class: "muted" },
        `  ${wheres[look.where] ?? look.where}  CPU ${look.cpu}  ${clock(data.start_wall_ms, look.t_us)}`,
      ),
    ),
    look.fields.length
      ? el(
          "dl",
          null,
          look.fields.map((field) =>
            el("div", null, el("dt", null, name(field.name)), el("dd", { class: "mono" }, name(field.value))),
          ),
        )
      : null,
    look.snapshots.map(dumpOf),
    look.bytes_left_out
      ? el("p", { class: "muted" }, `${count(look.bytes_left_out)} more bytes are not in this report.`)
      : null,
    look.refused
      ? el("p", { class: "muted" }, `${count(look.refused)} snapshots did not fit into the record.`)
      : null,
  );
}

export class LooksSection {
  constructor(section) {
    this.section = section;
    this.all = false;
    this.list = el("div", { class: "looks" });
    this.more = el("button", {
      type: "button",
      class: "quiet",
      onclick: () => ((this.all = true), this.fill()),
    });
    this.how = el("span", { class: "muted" });
    replaceChildren(
      section,
      el("div", { class: "head" }, el("h2", null, "What the script said"), this.how),
      this.list,
      this.more,
    );
  }

  update(data) {
    // Looks do not change once they are there: a list as long as the last one is the same.
    if (this.data?.looks_total === data.looks_total) return;
    this.data = data;
    this.fill();
  }

  fill() {
    const { looks, looks_total } = this.data;
    const shown = this.all ? looks : looks.slice(0, shownAtFirst);
    this.section.hidden = looks.length === 0;
    document.querySelector('nav a[href="#looks"]')?.toggleAttribute("hidden", looks.length === 0);
    replaceChildren(
      this.list,
      shown.map((look) => lookOf(look, this.data)),
    );
    this.more.hidden = shown.length === looks.length;
    this.more.textContent = `Show all ${count(looks.length)}`;
    this.how.textContent =
      looks_total > looks.length ? `the first and the last of ${count(looks_total)}` : count(looks_total);
  }
}

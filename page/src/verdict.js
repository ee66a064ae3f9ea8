// What it comes down to, and the figures beside it.
import { el, name, replaceChildren } from "./dom.js";
import { count, day, span, zone } from "./format.js";

const kinds = { w: "writes", rw: "reads and writes", r: "reads", x: "execution" };

function figure(value, label, state) {
  return el("div", { class: `figure ${state ?? ""}` }, el("b", null, value), el("span", null, label));
}

function figures(data) {
  const { counts, watch } = data;
  const lost = (counts.lost ?? 0) + (counts.unseen ?? 0) + counts.lost_from_recording;
  const armedEverywhere = watch.cpus_armed === watch.cpus_online && !data.coverage.length;
  return el(
    "div",
    { class: "figures" },
    figure(count(counts.shown), "hits"),
    figure(count(counts.functions), counts.functions === 1 ? "function" : "functions"),
    figure(count(counts.tasks), counts.tasks === 1 ? "task" : "tasks"),
    figure(span(data.end_us), "watched"),
    figure(
      `${watch.cpus_armed}/${watch.cpus_online}`,
      data.coverage.length ? "CPUs, with changes" : "CPUs armed",
      armedEverywhere ? "" : "warn",
    ),
    figure(count(lost), "lost", lost ? "warn" : ""),
    figure(
      count(counts.braked),
      counts.braked ? `braked, ${counts.braked_s.toFixed(2)} s` : "braked",
      counts.braked ? "warn" : "",
    ),
  );
}

function targetOf(target, watch) {
  return el(
    "li",
    null,
    el("strong", null, name(target.name)),
    target.type ? el("span", { class: "type" }, name(target.type)) : null,
    el("span", { class: "mono" }, `${target.per_cpu ? "each CPU's base + " : ""}${target.address}`),
    el(
      "span",
      { class: "muted" },
      `${count(target.size)} bytes, ${kinds[watch.kind] ?? watch.kind}${target.value ? `, ${target.value} when armed` : ""}`,
    ),
    target.note ? el("span", { class: "muted" }, name(target.note)) : null,
  );
}

export function fillVerdict(section, data) {
  const lines = data.summary.lines.map((line) =>
    el("li", { class: line.startsWith("Not complete") ? "warn" : "" }, name(line)),
  );
  replaceChildren(
    section,
    el("h1", null, name(data.summary.headline)),
    el("ul", { class: "lines" }, lines),
    data.damage.map((text) => el("p", { class: "warn note" }, "The recording is damaged: ", name(text))),
    figures(data),
    el(
      "ul",
      { class: "targets" },
      data.watch.targets.map((target) => targetOf(target, data.watch)),
    ),
  );
}

// `follows`: the page is told of what comes.
export function headerFacts(data, follows) {
  const facts = [
    data.host.name ? name(data.host.name) : null,
    data.host.kernel ? name(`Linux ${data.host.kernel}`) : null,
    `armed ${day(data.start_wall_ms)} ${zone()}`,
    data.watch.script ? el("span", null, "script ", name(data.watch.script)) : null,
    data.live && follows
      ? el("span", { class: "live" }, "live")
      : data.live
        ? "the watch went on when this was made"
        : data.ended
          ? el("span", null, "ended: ", name(data.ended.reason))
          : "no end recorded",
  ];
  return facts.filter(Boolean).map((fact) => el("span", { class: "fact" }, fact));
}

// What the watch cannot answer for: hits that were lost, CPUs and times that were not watched.
import { el, name, replaceChildren } from "./dom.js";
import { clock, count, span } from "./format.js";

function figureRows(data) {
  const { counts } = data;
  return [
    ["Hits in this report", counts.shown, "what everything on this page is made of"],
    ["Hits seen by the watch", counts.hits, "records, lost ones, and those dropped in the kernel"],
    ["Lost", counts.lost, "seen, but there was no room to record them", true],
    ["Not looked at", counts.unseen, "counted by the kernel, which did not run the program for them", true],
    ["Not in the recording", counts.lost_from_recording, "the disk was full or too slow", true],
    ["Not wanted", counts.dropped, "dropped by the rules of the watch"],
    ["Further traps", counts.joined, "of accesses that are counted once"],
    ["Foreign", counts.foreign, "other processes' accesses to the same number of their own address space"],
    ["After the end", counts.late, "late hits, not shown"],
    [
      "Braked",
      counts.braked,
      counts.braked
        ? `intervals, ${counts.braked_s.toFixed(3)} s of CPU time that was not watched`
        : "intervals in which a CPU was not watched",
      true,
    ],
  ];
}

function coverageRows(data) {
  return data.coverage.map((step) =>
    el(
      "tr",
      null,
      el("td", { class: "n" }, clock(data.start_wall_ms, step.t_us)),
      el("td", { class: "n" }, String(step.cpu)),
      el(
        "td",
        null,
        name(step.text),
        step.gap_us ? el("span", { class: "warn" }, ` not watched for ${span(step.gap_us)} before`) : null,
      ),
      el("td", { class: "n" }, `${step.armed} of ${step.online}`),
    ),
  );
}

export function fillCoverage(section, data) {
  const rows = figureRows(data).map(([what, number, meaning, matters]) =>
    el(
      "tr",
      { class: matters && number ? "warn" : "" },
      el("th", { scope: "row" }, what),
      el("td", { class: "n" }, count(number)),
      el("td", { class: "muted" }, meaning),
    ),
  );
  const blind = data.watch.not_seen ?? [];
  replaceChildren(
    section,
    el("div", { class: "head" }, el("h2", null, "Coverage, and what is missing")),
    el(
      "table",
      { class: "counts" },
      el("caption", { class: "sr" }, "What was counted"),
      el("tbody", null, rows),
    ),
    data.coverage.length
      ? el(
          "table",
          { class: "steps" },
          el("caption", null, "Changes of coverage"),
          el(
            "thead",
            null,
            el(
              "tr",
              null,
              ["Time", "CPU", "What", "Armed"].map((head) => el("th", { scope: "col" }, head)),
            ),
          ),
          el("tbody", null, coverageRows(data)),
        )
      : el(
          "p",
          null,
          `No change of coverage: ${data.watch.cpus_armed} of ${data.watch.cpus_online} CPUs from the beginning${data.live ? " until now" : ""}.`,
        ),
    data.coverage_left_out
      ? el(
          "p",
          { class: "muted" },
          `${count(data.coverage_left_out)} more changes between them are not in this report.`,
        )
      : null,
    data.brakes.left_out
      ? el("p", { class: "muted" }, `${count(data.brakes.left_out)} braked intervals are not drawn.`)
      : null,
    blind.length
      ? el(
          "ul",
          null,
          blind.map((text) => el("li", null, "Not seen: ", name(text))),
        )
      : null,
    data.notices.length
      ? el(
          "ul",
          { class: "plain" },
          data.notices.map((text) => el("li", { class: "muted" }, name(text))),
        )
      : null,
  );
}

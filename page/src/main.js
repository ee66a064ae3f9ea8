// The report: data in, sections out. docs/report-data.md says what the data is.
import { fillCoverage } from "./coverage.js";
import { el, name, replaceChildren, visible } from "./dom.js";
import { FlameSection } from "./flame.js";
import { follow } from "./live.js";
import { LooksSection } from "./looks.js";
import { RowsSection } from "./rows.js";
import { themeButton } from "./theme.js";
import { TimelineSection } from "./timeline.js";
import { fillVerdict, headerFacts } from "./verdict.js";
import { WritersSection } from "./writers.js";

const sections = [
  ["verdict", "Verdict"],
  ["timeline", "Time line"],
  ["flame", "Flame graph"],
  ["writers", "Who"],
  ["looks", "Script"],
  ["coverage", "Coverage"],
  ["hits", "Hits"],
];

class Page {
  constructor(root) {
    this.facts = el("div", { class: "facts" });
    this.title = el("strong", { class: "title" });
    this.trouble = el("p", { class: "warn note", role: "status", hidden: true });
    const nav = el(
      "nav",
      { "aria-label": "Parts of the report" },
      sections.map(([id, text]) => el("a", { href: `#${id}` }, text)),
    );
    const places = Object.fromEntries(
      sections.map(([id, text]) => [id, el("section", { id, tabindex: "-1", "aria-label": text })]),
    );
    this.places = places;
    replaceChildren(
      root,
      el(
        "header",
        { class: "top" },
        el("span", { class: "mark" }, "stakeout"),
        this.title,
        this.facts,
        themeButton(),
      ),
      nav,
      this.trouble,
      el("main", null, Object.values(places)),
      (this.footer = el("footer", { class: "muted" })),
    );
    this.parts = [];
  }

  makeParts() {
    this.parts = [
      new TimelineSection(this.places.timeline),
      new FlameSection(this.places.flame),
      new WritersSection(this.places.writers),
      new LooksSection(this.places.looks),
      new RowsSection(this.places.hits),
    ];
  }

  update(data) {
    if (data.v !== 1) throw new Error(`this page reads version 1 of the data, and was given ${data.v}`);
    const title = data.watch.name || data.watch.targets.map((target) => target.name).join(", ");
    document.title = `${visible(title).slice(0, 120)} - stakeout`;
    replaceChildren(this.title, name(title));
    replaceChildren(this.facts, headerFacts(data, this.follows));
    fillVerdict(this.places.verdict, data);
    fillCoverage(this.places.coverage, data);
    if (!this.parts.length) this.makeParts();
    for (const part of this.parts) part.update(data);
    this.footer.textContent = `Made by stakeout ${data.made.stakeout}${data.made.at_ms ? ` on ${new Date(data.made.at_ms).toLocaleString()}` : ""}. Watch ${visible(data.watch.id)}. This page asks nobody for anything.`;
  }

  tell(trouble) {
    this.trouble.hidden = !trouble;
    this.trouble.textContent = trouble ?? "";
  }
}

function start() {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const page = new Page(document.getElementById("page"));
  page.follows = Boolean(data.live && data.source);
  if (page.follows)
    follow(
      data.source,
      data.token,
      (news) => page.update(news),
      (trouble) => page.tell(trouble),
    );
  else page.update(data);
  document.documentElement.dataset.ready = "yes";
}

try {
  start();
} catch (error) {
  // The essentials can be read without any of this.
  document.documentElement.classList.remove("js");
  document.getElementById("page").replaceChildren(`This page could not show its data: ${error.message}`);
  console.error(error);
}

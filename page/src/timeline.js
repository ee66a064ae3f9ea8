// Values and hits over time: a chart of values for each target whose values are numbers, and one of hits. All
// show the same stretch of time.
import uPlot from "uplot";
import { el, name, replaceChildren, visible } from "./dom.js";
import { clock, count, span } from "./format.js";
import { colour, onTheme } from "./theme.js";

const axisFont = "11px system-ui, sans-serif";
const barWidth = 3; // pixels
const seriesColours = ["--series-1", "--series-2", "--series-3", "--series-4"];

// A value's text, "0x2a", as a number with the target's sign.
function asNumber(text, target) {
  if (text === null || target.size > 8) return null;
  const value = BigInt(text);
  return Number(target.signed ? BigInt.asIntN(8 * target.size, value) : value);
}

const longLabel = 2 ** 40;

// What the axis has room for; addresses stay addresses.
function valueText(value) {
  if (value === null || value === undefined) return "";
  if (Math.abs(value) >= longLabel) return `0x${BigInt(Math.round(value)).toString(16)}`;
  if (Math.abs(value) >= 1e9) return value.toExponential().replace("e+", "e");
  return Number.isInteger(value) ? count(value) : value.toPrecision(4);
}

// Room for the longest label, the same for all charts so that their times stand in line.
function axisWidth(data) {
  const highest = Math.max(0, ...data.timeline.targets.flatMap((target) => target.high.map((value) => value ?? 0)));
  return highest >= longLabel ? 124 : 72;
}

export class TimelineSection {
  constructor(section) {
    this.charts = [];
    this.range = null; // seconds; null: all
    this.stage = el("div", {
      class: "timeline",
      tabindex: "0",
      role: "group",
      "aria-label": "Values and hits over time. Plus and minus zoom, the arrow keys move, 0 shows all.",
    });
    this.stage.addEventListener("keydown", (event) => this.onKey(event));
    this.range_text = el("output", { class: "muted", id: "timeline-range", "aria-live": "polite" });
    this.reset_button = el(
      "button",
      { type: "button", class: "quiet", onclick: () => this.show(null) },
      "Show all",
    );
    replaceChildren(
      section,
      el(
        "div",
        { class: "head" },
        el("h2", null, "Values and hits over time"),
        this.range_text,
        this.reset_button,
      ),
      this.stage,
      el(
        "p",
        { class: "hint" },
        "Drag to zoom, double-click for all; or + − ← → and 0 on the keyboard. Shaded: not watched (the brake, or a CPU without watchpoints).",
      ),
    );
    onTheme(() => this.draw());
    new ResizeObserver(() => this.resize()).observe(this.stage);
  }

  update(data) {
    const changed = !this.data || this.data.timeline.targets.length !== data.timeline.targets.length;
    this.data = data;
    this.end = Math.max(data.end_us / 1e6, 1e-6);
    if (changed || !this.charts.length) this.draw();
    else this.refill();
  }

  draw() {
    if (!this.data) return;
    for (const chart of this.charts) chart.plot.destroy();
    this.charts = [];
    const blocks = [];
    this.data.timeline.targets.forEach((bins, index) => {
      if (bins.bin.length === 0 || bins.low.every((value) => value === null)) return;
      blocks.push(
        this.addChart(
          `value-${index}`,
          this.targetTitle(index, "value"),
          140,
          (width) => this.valueOptions(index, width),
          () => this.valueData(index),
        ),
      );
    });
    blocks.push(
      this.addChart(
        "hits",
        this.hitsTitle(),
        110,
        (width) => this.hitOptions(width),
        () => this.hitData(),
      ),
    );
    replaceChildren(this.stage, blocks);
    for (const chart of this.charts) chart.make();
    this.show(this.range);
  }

  addChart(id, title, height, options, data) {
    const place = el("div", { class: "plot", "data-chart": id });
    const chart = { id, place, height, data, plot: null };
    chart.make = () => {
      chart.plot = new uPlot({ ...options(this.width()), height }, data(), place);
    };
    this.charts.push(chart);
    return el("div", { class: "chart" }, el("h3", null, title), place);
  }

  width() {
    return Math.max(this.stage.clientWidth, 280);
  }

  targetTitle(index, what) {
    const target = this.data.watch.targets[index];
    return el(
      "span",
      null,
      el("i", { class: `swatch series-${(index % 4) + 1}` }),
      name(target?.name ?? `target ${index}`),
      el("span", { class: "muted" }, ` ${what}`),
    );
  }

  hitsTitle() {
    const titles = this.data.timeline.targets.map((_, index) => this.targetTitle(index, "hits"));
    return el("span", { class: "titles" }, titles.length > 1 ? titles : el("span", null, "hits"));
  }

  // What all charts have.
  shared(width) {
    const stroke = colour("--muted");
    const grid = { stroke: colour("--line"), width: 1 };
    return {
      width,
      legend: { show: false },
      cursor: {
        y: false,
        sync: { key: "stakeout-time" },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        points: { size: 6 },
        bind: {
          dblclick: (plot) => () => (
            this.show(null),
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false)
          ),
        },
      },
      select: { show: true, left: 0, top: 0, width: 0, height: 0 },
      scales: { x: { time: false, range: () => this.range ?? [0, this.end] } },
      axes: [
        {
          stroke,
          grid,
          ticks: grid,
          font: axisFont,
          size: 26,
          values: (_, ticks) => ticks.map((tick) => this.tickText(tick)),
        },
        { stroke, grid, ticks: grid, font: axisFont, size: axisWidth(this.data), values: (_, ticks) => ticks.map(valueText) },
      ],
      hooks: {
        drawClear: [(plot) => this.drawUnwatched(plot)],
        setSelect: [(plot) => this.onSelect(plot)],
        setCursor: [(plot) => this.onCursor(plot)],
      },
    };
  }

  tickText(seconds) {
    const [from, to] = this.range ?? [0, this.end];
    if (to - from < 1e-3) return `${((seconds - from) * 1e6).toFixed(0)} µs`;
    if (to - from < 0.5) return `${(seconds * 1e3).toFixed(2)} ms`;
    if (to < 120) return `${Number(seconds.toFixed(3))} s`;
    return clock(this.data.start_wall_ms, seconds * 1e6).slice(0, 8);
  }

  valueOptions(index, width) {
    const stroke = colour(seriesColours[index % 4]);
    const path = uPlot.paths.stepped({ align: 1 });
    const shared = this.shared(width);
    return {
      ...shared,
      scales: {
        ...shared.scales,
        y: {
          range: (_, low, high) =>
            low === null ? [0, 1] : low === high ? [low - 1, high + 1] : uPlot.rangeNum(low, high, 0.1, true),
        },
      },
      series: [
        {},
        { stroke: "transparent", paths: path, points: { show: false } },
        { stroke: "transparent", paths: path, points: { show: false } },
        {
          stroke,
          width: 1.5,
          paths: path,
          points: { show: (plot) => plot.data[0].length < 200, size: 4, fill: stroke },
        },
      ],
      bands: [{ series: [2, 1], fill: `${stroke}33` }],
    };
  }

  valueData(index) {
    const { bin_us, targets } = this.data.timeline;
    const bins = targets[index];
    const target = this.data.watch.targets[index] ?? { size: 8 };
    const x = [],
      low = [],
      high = [],
      last = [];
    const add = (seconds, from, to, value) => (
      x.push(seconds),
      low.push(from),
      high.push(to),
      last.push(value)
    );
    bins.bin.forEach((bin, i) => {
      const value = asNumber(bins.last[i], target);
      add((bin * bin_us) / 1e6, bins.low[i], bins.high[i], value);
      // Then it stays as it was left, until the next access or the end.
      const next = i + 1 < bins.bin.length ? bins.bin[i + 1] : Math.ceil((this.end * 1e6) / bin_us);
      if (next > bin + 1) add(((bin + 1) * bin_us) / 1e6, value, value, value);
    });
    if (x.length && x[x.length - 1] < this.end) add(this.end, last.at(-1), last.at(-1), last.at(-1));
    return [x, low, high, last];
  }

  hitOptions(width) {
    const bars = uPlot.paths.bars({ size: [0.9, 100, 1], align: 1 });
    const targets = this.data.timeline.targets;
    const shared = this.shared(width);
    return {
      ...shared,
      scales: { ...shared.scales, y: { range: (_, __, high) => [0, Math.max(high ?? 1, 1) * 1.05] } },
      // What is drawn first is below: stacked, the sum of all first.
      series: [
        {},
        ...targets.map((_, order) => {
          const stroke = colour(seriesColours[(targets.length - 1 - order) % 4]);
          return { stroke, fill: stroke, width: 0, paths: bars, points: { show: false } };
        }),
      ],
    };
  }

  // Hits in columns as wide as a few pixels, of the stretch that is shown.
  hitData() {
    const { bin_us, targets } = this.data.timeline;
    const [from, to] = this.range ?? [0, this.end];
    const first = Math.floor((from * 1e6) / bin_us);
    const bins = Math.max(1, Math.ceil((to * 1e6) / bin_us) - first);
    const columns = Math.max(1, Math.min(bins, Math.floor((this.width() - 80) / barWidth)));
    const together = Math.ceil(bins / columns);
    const sums = targets.map(() => new Array(Math.ceil(bins / together) + 1).fill(0));
    targets.forEach((one, index) => {
      one.bin.forEach((bin, i) => {
        const column = Math.floor((bin - first) / together);
        if (column >= 0 && column < sums[index].length) sums[index][column] += one.hits[i];
      });
    });
    for (let index = 1; index < sums.length; ++index)
      sums[index] = sums[index].map((hits, i) => hits + sums[index - 1][i]);
    const x = sums[0] ? sums[0].map((_, i) => ((first + i * together) * bin_us) / 1e6) : [];
    this.column_us = together * bin_us;
    return [x, ...sums.reverse()];
  }

  drawUnwatched(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("--unwatched");
    const shade = (from_us, to_us) => {
      const left = plot.valToPos(from_us / 1e6, "x", true);
      const right = plot.valToPos(to_us / 1e6, "x", true);
      ctx.fillRect(left, bbox.top, Math.max(right - left, 1), bbox.height);
    };
    for (const [from, to] of this.data.brakes.intervals) shade(from, to);
    for (const step of this.data.coverage) if (step.gap_us) shade(step.t_us - step.gap_us, step.t_us);
    ctx.restore();
  }

  onSelect(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const range = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.show(range);
  }

  onCursor(plot) {
    const index = plot.cursor.idx;
    if (
      index === null ||
      index === undefined ||
      plot !== this.charts.find((chart) => chart.plot === plot)?.plot
    )
      return;
    if (!plot.root.matches(":hover")) return; // told by the chart below the pointer, not by its followers
    const seconds = plot.data[0][index];
    const parts = [clock(this.data.start_wall_ms, seconds * 1e6), `+${span(seconds * 1e6)}`];
    const id = plot.root.parentElement.dataset.chart;
    if (id === "hits") parts.push(`${count(plot.data[1][index])} hits in ${span(this.column_us)}`);
    else parts.push(`value ${this.valueAt(Number(id.slice(6)), seconds)}`);
    this.range_text.textContent = parts.join("   ");
  }

  // What the last access before `seconds`, or in the same bin, left behind.
  valueAt(target, seconds) {
    const { bin_us, targets } = this.data.timeline;
    const { bin, last } = targets[target];
    const at = Math.floor((seconds * 1e6) / bin_us + 1e-6);
    let from = 0,
      to = bin.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (bin[middle] <= at) from = middle + 1;
      else to = middle;
    }
    return visible(last[from - 1] ?? "not known");
  }

  show(range) {
    if (range) {
      const least = Math.max(this.end * 1e-7, 2e-6);
      const length = Math.min(Math.max(range[1] - range[0], least), this.end);
      const from = Math.min(Math.max(range[0], 0), this.end - length);
      range = length >= this.end ? null : [from, from + length];
    }
    this.range = range;
    this.refill();
    const [from, to] = range ?? [0, this.end];
    this.range_text.textContent = range
      ? `${clock(this.data.start_wall_ms, from * 1e6)} – ${clock(this.data.start_wall_ms, to * 1e6)}  (${span((to - from) * 1e6)})`
      : `all ${span(this.end * 1e6)}`;
    this.stage.dataset.from = from;
    this.stage.dataset.to = to;
    this.reset_button.disabled = !range;
  }

  refill() {
    for (const { plot, data } of this.charts) plot.setData(data(), true);
  }

  resize() {
    for (const { plot, height } of this.charts) {
      if (plot && plot.width !== this.width()) plot.setSize({ width: this.width(), height });
    }
    if (this.data) this.refill();
  }

  onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const [from, to] = this.range ?? [0, this.end];
    const length = to - from;
    const middle = (from + to) / 2;
    const zoomed = (factor) => [middle - (length * factor) / 2, middle + (length * factor) / 2];
    const moves = {
      "+": () => zoomed(0.5),
      "=": () => zoomed(0.5),
      "-": () => zoomed(2),
      ArrowLeft: () => [from - length / 4, to - length / 4],
      ArrowRight: () => [from + length / 4, to + length / 4],
      0: () => null,
      Home: () => null,
      Escape: () => null,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.show(moves[event.key]());
  }
}

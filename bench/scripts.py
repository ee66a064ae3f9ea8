"""Predicates, scripts and follow-ups: how long they take to start, what they add to a hit, how soon they look again."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from counting import Counting
from hit_cost import clear_child_tid, unthrottled
from programs import OUT, STAKEOUT, Writer, bpftrace, stakeout_armed_record, stakeout_text
from table import Row

CACHE = Path("/var/cache/stakeout")
WHEN = 'new > 1000000000 && comm != "nobody"'  # never true of the writer

GUARD = """#include <stakeout.h>
param(u64, high, 1000000000);
struct fields { u64 count; };
per_key(u32, u64, count_of, 1024);
on_hit(h) {
    if (h->new <= high) return drop;
    u64 *count = count_of(h->pid);
    if (count) fields(h)->count = ++*count;
    return keep;
}
"""
PLAIN = """#include <stakeout.h>
on_hit(h) { return h->new == 1 ? keep : drop; }
"""
NEVER_DEFERS = """#include <stakeout.h>
on_hit(h) {
    if (h->new == 1) defer(h, 0);
    return h->new == 1 ? keep : drop;
}
on_followup(f) { return keep; }
"""
DEFERS = """#include <stakeout.h>
on_hit(h) { defer(h, 0); return keep; }
on_followup(f) { return keep; }
"""


def _script(name: str, text: str) -> str:
    path = OUT / name
    path.write_text(text, encoding="ascii")
    return str(path)


def _target(writer: Writer) -> list[str]:
    return ["--pid", str(writer.pid), "--symbol", "counter"]


def _armed(arguments: list[str], times: int, cold: bool = False) -> list[float]:
    took = []
    for _ in range(times):
        if cold:
            shutil.rmtree(CACHE, ignore_errors=True)
        took.append(stakeout_armed_record(arguments)[1])
    return took


def script_starts(quick: bool) -> list[Row]:
    times = 3 if quick else 20
    script = _script("guard.c", GUARD)
    with Writer() as writer:
        target = _target(writer)
        when = _armed([*target, "--when", WHEN], times)
        cold = _armed([*target, "--script", script], times, cold=True)
        _armed([*target, "--script", script], 1)
        cached = _armed([*target, "--script", script], times)
        peer = []
        for _ in range(2 if quick else 10):
            running, took = bpftrace(writer.address, writer.pid)
            running.stop()
            peer.append(took)
    theirs = f"; bpftrace with a program of its own {statistics.median(peer):.1f} ms"

    def row(what: str, values: list[float], most: float, beside: str = "") -> Row:
        return Row(what, f"{statistics.median(values):.1f} ms (least {min(values):.1f}){beside}", f"at most {most:.0f} ms",
                   statistics.median(values) <= most)

    return [row("fork to armed with --when", when, 50), row("fork to armed with --script, compiled", cold, 200, theirs),
            row("fork to armed with --script, from the cache", cached, 50)]


Tool = Callable[[Writer, str], AbstractContextManager[object]]  # arms one variable of the writer


@dataclass
class Difference:
    """Two ways to be hit, compared a fraction of a second at a time: what slows the machine down slows both."""

    first: float  # nanoseconds a hit, medians
    second: float
    added: float  # median of the differences

    @property
    def share(self) -> float:
        return self.added / self.first


def _compare(first: tuple[Writer, str], second: tuple[Writer, str], turns: int) -> Difference:
    hits = 400
    costs: list[tuple[float, float]] = []
    for turn in range(turns):
        order = (first, second) if turn % 2 else (second, first)
        once = [writer.do(work, hits).cpu_per_round for writer, work in order]
        costs.append((once[0], once[1]) if turn % 2 else (once[1], once[0]))
    return Difference(statistics.median(a for a, _ in costs), statistics.median(b for _, b in costs),
                      statistics.median(b - a for a, b in costs))


def predicate_cost(quick: bool) -> list[Row]:
    turns = 20 if quick else 400
    plain, defers = _script("plain.c", PLAIN), _script("never.c", NEVER_DEFERS)
    rows = []

    def watch(writer: Writer, symbol: str, *options: str) -> AbstractContextManager[object]:
        return stakeout_text(["--pid", str(writer.pid), "--symbol", symbol], "--no-brake", *options)

    def counting(writer: Writer, symbol: str) -> AbstractContextManager[object]:
        return Counting(writer.address if symbol == "counter" else writer.elsewhere)

    def both_ways(writer: Writer, first: Tool, second: Tool) -> Difference:
        """The two variables and their debug registers change places half-way."""
        with first(writer, "elsewhere"), second(writer, "counter"):
            one = _compare((writer, "other"), (writer, "write"), turns // 2)
        with first(writer, "counter"), second(writer, "elsewhere"):
            other = _compare((writer, "write"), (writer, "other"), turns // 2)
        return Difference((one.first + other.first) / 2, (one.second + other.second) / 2, (one.added + other.added) / 2)

    def with_options(*options: str) -> Tool:
        return lambda writer, symbol: watch(writer, symbol, *options)

    def row(kind: str, found: Difference, target: str = "", most: float = 1.0) -> Row:
        return Row(kind, f"{found.added:,.0f} ns of {found.first:,.0f} ns ({found.share:+.1%})", target,
                   found.share <= most if target else None)

    with unthrottled(), Writer() as writer:
        rows.append(row("user write: added by a --when that drops the hit, over perf counting only",
                        both_ways(writer, counting, with_options("--when", "new > 1000000000")), "at most 3 %", 0.03))
        with Writer() as other:
            address = int(stakeout_armed_record(["--object", clear_child_tid(other)])[0]["targets"][0]["address"], 16)
            with Counting(address), stakeout_text(["--object", clear_child_tid(writer)], "--no-brake", "--when", "new == 1"):
                rows.append(row("kernel write: the same", _compare((other, "kernel"), (writer, "kernel"), turns),
                                "at most 3 %", 0.03))
        rows.append(row("user write: the same with a comparison of comm",
                        both_ways(writer, counting, with_options("--when", WHEN))))
        rows.append(row("user write: added by a script that drops the hit",
                        both_ways(writer, counting, with_options("--script", plain))))
        rows.append(row("a hit that does not defer, in a watch with a follow-up, over one without",
                        both_ways(writer, with_options("--script", plain), with_options("--script", defers)),
                        "none measurable: below 1 %", 0.01))
    return rows


def follow_up_latency(quick: bool) -> list[Row]:
    hits = 300 if quick else 3_000
    script = _script("defers.c", DEFERS)
    with Writer() as writer:
        output = OUT / "followups.json"
        process = subprocess.Popen([STAKEOUT, "watch", *_target(writer), "--script", script, "--no-brake", "-o", "json"],
                                   stdin=subprocess.DEVNULL, stdout=output.open("wb"), stderr=subprocess.PIPE)
        while b'"armed"' not in output.read_bytes():
            if process.poll() is not None:
                raise RuntimeError(f"stakeout ended: {process.stderr.read().decode() if process.stderr else ''}")
        writer.do("paced", hits)
        process.send_signal(2)
        process.wait(60)
    records = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    waits = sorted((hit["followup"]["time_ns"] - hit["time_ns"]) / 1e3 for hit in records
                   if hit["type"] == "hit" and "followup" in hit)
    counts = records[-1]["followups"]
    whole = counts["deferred"] == counts["followed"] + counts["missed"] + counts["unfinished"] >= hits
    way = next(record for record in records if record["type"] == "armed")["followup_way"]
    return [
        Row(f"hit to follow-up, delay 0, {hits:,} hits 300 us apart, {way}",
            f"median {statistics.median(waits):.0f} us, 99 of 100 below {waits[int(len(waits) * 0.99)]:.0f} us",
            "median under 100 us", statistics.median(waits) < 100),
        Row("hits deferred = followed up + counted as missed",
            f"{counts['deferred']:,} = {counts['followed']:,} + {counts['missed'] + counts['unfinished']:,}", "all", whole),
    ]


def binary_size(_: bool) -> list[Row]:
    stripped = OUT / "stripped"
    subprocess.run(["strip", "-o", stripped, STAKEOUT], check=True)
    size = stripped.stat().st_size / 1e6
    return [Row("size of the stripped binary", f"{size:.0f} MB", "at most 120 MB", size <= 120)]


def scripts(quick: bool) -> list[Row]:
    return script_starts(quick) + predicate_cost(quick) + follow_up_latency(quick) + binary_size(quick)

"""What a watch costs the watched program: under a storm with the default brake, and when nothing is hit."""

from __future__ import annotations

import os
import statistics
import time

from programs import Running, Times, Writer, stakeout_text
from table import Row

NS_PER_ROUND = 180  # of `hot` and `calm`, unwatched; only sizes the runs


def _target(writer: Writer) -> list[str]:
    return ["--pid", str(writer.pid), "--symbol", "counter"]


def _pairs(writer: Writer, work: str, seconds: float, pairs: int) -> list[tuple[Times, Times]]:
    """Unwatched and watched, side by side; every other pair the other way round."""
    rounds = int(seconds * 1e9 / NS_PER_ROUND)
    done = []
    for i in range(pairs):
        times: dict[bool, Times] = {}
        for watched in (i % 2 == 1, i % 2 == 0):
            if watched:
                with stakeout_text(_target(writer)):
                    times[True] = writer.do(work, rounds)
            else:
                times[False] = writer.do(work, rounds)
        done.append((times[False], times[True]))
    return done


def _percent(ratio: float) -> str:
    return f"{(ratio - 1) * 100:+.2f} %"


def brake(quick: bool) -> list[Row]:
    with Writer() as writer:
        pairs = _pairs(writer, "hot", 1 if quick else 3, 1 if quick else 5)
    wall = statistics.median(watched.wall_ns / free.wall_ns for free, watched in pairs)
    cpu = statistics.median(watched.cpu_ns / free.cpu_ns for free, watched in pairs)
    return [Row("slowdown of a hot writer (5 million writes a second) under the default brake",
                f"{_percent(wall)} of wall clock, {_percent(cpu)} of its CPU time", "at most 15 %", wall <= 1.15)]


def _cpu_seconds(pid: int) -> float:
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _idle_cpu(writer: Writer, seconds: float) -> float:
    watch: Running
    with stakeout_text(_target(writer)) as watch:
        before = _cpu_seconds(watch.process.pid)
        time.sleep(seconds)
        return _cpu_seconds(watch.process.pid) - before


def not_hit(quick: bool) -> list[Row]:
    count = 4 if quick else 30
    with Writer() as writer:
        pairs = _pairs(writer, "calm", 0.2 if quick else 0.5, count)
        idle = _idle_cpu(writer, 1 if quick else 5)
    ratios = sorted(watched.cpu_ns / free.cpu_ns for free, watched in pairs)
    # Distribution-free interval of the median: the ranks n/2 -+ sqrt(n) hold it with 95 %.
    away = int(len(ratios) ** 0.5)
    low, high = ratios[max(0, len(ratios) // 2 - away)], ratios[min(len(ratios) - 1, len(ratios) // 2 + away)]
    middle = statistics.median(ratios)
    return [
        Row("overhead while armed and not hit, of the program's CPU time",
            f"{_percent(middle)} (95 % interval {_percent(low)} to {_percent(high)})",
            "none measurable: the interval holds 0, or ends below 0.5 %", low <= 1.0 or high < 1.005),
        Row("stakeout's own CPU time while nothing is hit", f"{idle / (1 if quick else 5) * 100:.1f} % of a CPU", "", None),
    ]

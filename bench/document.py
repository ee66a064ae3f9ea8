"""docs/benchmarks.md: the table is written by `bench/run.py --write`; what a person wrote about misses is kept."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

from programs import ROOT
from table import Row, as_markdown

DOCUMENT = ROOT / "docs" / "benchmarks.md"
KEPT = "## What is missed, and why"

HOW = """# Benchmarks

Measured by `./dev bench`, as ratios against peers in one run. Each number is a median of interleaved repetitions: every
tool has its turn in each round, so that a machine that slows down does so for all. The watched program is
bench/writer.c: it writes one word in a tight loop under six frames, or calls set_tid_address, for which the kernel
writes the task's `clear_child_tid`. "Added" is what a hit costs above the debug exception itself, which a perf event
that only counts has too. Costs are the writer's CPU time; starts and slowdowns are wall clock where the row does not
say otherwise. The allocating program is bench/allocator.c.
"""


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def machine() -> str:
    virtual = " hypervisor" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    kind = "a virtual machine" if virtual else "bare metal"
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{cpu_model()}, {os.cpu_count()} CPUs, {kind}, Linux {kernel}"


def write_document(rows: list[Row], load: str) -> None:
    before = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    kept = before[before.index(KEPT):] if KEPT in before else f"{KEPT}\n\nNothing has been written here yet.\n"
    when = datetime.date.today().isoformat()
    DOCUMENT.write_text(f"{HOW}\n{when}: {machine()}. {load}\n\n{as_markdown(rows)}\n{kept}", encoding="utf-8")

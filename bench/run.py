"""Measures what stakeout promises about its cost: `./dev bench [--quick] [--write] [--only PART]...`.

Exit status 1: a target was missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable

from deadlock import deadlock
from document import machine, write_document
from hit_cost import hit_cost
from keeper import keeper
from leak import leak
from losses import losses
from memory import memory
from scripts import scripts
from programs import BUILT, OUT, STAKEOUT
from report import report
from slowdown import brake, not_hit
from starts import starts
from table import Row, as_markdown
from xen import xen

PARTS: dict[str, Callable[[bool], list[Row]]] = {
    "cost": hit_cost, "lost": losses, "start": starts, "brake": brake, "idle": not_hit, "memory": memory,
    "scripts": scripts, "leak": leak, "deadlock": deadlock,
    "keeper": keeper, "report": report,
    "xen": xen,
}


def load_average() -> float:
    return os.getloadavg()[0]


def quiet_check() -> str:
    """Load in the last second, from /proc/stat: the load average remembers what has ended long ago."""
    def busy_and_all() -> tuple[int, int]:
        fields = [int(field) for field in open("/proc/stat", encoding="ascii").readline().split()[1:9]]
        return sum(fields) - fields[3] - fields[4], sum(fields)

    busy, total = busy_and_all()
    time.sleep(1)
    busy_later, total_later = busy_and_all()
    share = (busy_later - busy) / max(1, total_later - total)
    state = "quiet" if share < 0.05 else "NOT QUIET"
    return f"The machine was {state} before: {share:.0%} busy, load average {load_average():.2f}."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions: does it run at all")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--only", action="append", choices=PARTS, help="these parts")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("bench: watching memory needs root", file=sys.stderr)
        return 3
    if options.write and (options.quick or options.only):
        parser.error("--write takes a whole run")
    OUT.mkdir(parents=True, exist_ok=True)
    shutil.copy2(BUILT, STAKEOUT)
    load = quiet_check()
    print(f"{machine()}. {load}", flush=True)
    rows: list[Row] = []
    for name in options.only or PARTS:
        rows += (part := PARTS[name](options.quick))
        print(as_markdown(part), flush=True)
    load += f" After: load average {load_average():.2f}."
    print(load)
    if options.write:
        write_document(rows, load)
    for scratch in OUT.iterdir():
        scratch.unlink()
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

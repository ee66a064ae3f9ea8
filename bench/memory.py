"""Resident memory of `stakeout watch` after many hits with symbolised stacks."""

from __future__ import annotations

import re
import time
from pathlib import Path

from hit_cost import clear_child_tid
from programs import Writer, stakeout_text
from table import Row

MOST_MB = 40


def _mb(status: str, what: str) -> float:
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def _row(kind: str, target: list[str], writer: Writer, work: str, hits: int) -> Row:
    with stakeout_text(target, "--no-brake") as watch:
        writer.do(work, hits)
        time.sleep(0.5)
        status = Path(f"/proc/{watch.process.pid}/status").read_text(encoding="ascii")
    now, most = _mb(status, "VmRSS"), _mb(status, "VmHWM")
    return Row(f"resident memory after {hits:,} hits, {kind}", f"{now:.1f} MB (highest {most:.1f})", f"at most {MOST_MB} MB",
               now <= MOST_MB)


def memory(quick: bool) -> list[Row]:
    hits = 1_000 if quick else 10_000
    with Writer() as writer:
        return [_row("a process's variable", ["--pid", str(writer.pid), "--symbol", "counter"], writer, "write", hits),
                _row("a kernel object", ["--object", clear_child_tid(writer)], writer, "kernel", hits)]

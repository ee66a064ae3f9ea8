"""Records lost at full rate, and whether every access made was counted."""

from __future__ import annotations

import time

from programs import Running, Writer, bpftrace, stakeout_text
from table import Row

SUMMARY = r"(\d+) hits = (\d+) records \+ (\d+) lost; (\d+) unseen"


def _watched(threads: int, hits: int) -> tuple[int, int, int]:
    """Hits, records lost and accesses unseen, as the summary tells."""
    with Writer(threads) as writer:
        with stakeout_text(["--pid", str(writer.pid), "--symbol", "counter"], "--no-brake") as watch:
            writer.do("write", hits)
        return (watch.number(r"(\d+) hits = "), watch.number(r"(\d+) lost"), watch.number(r"(\d+) unseen"))


def _bpftrace_lost(hits: int) -> int:
    with Writer() as writer:
        running: Running = bpftrace(writer.address, writer.pid)[0]
        with running:
            time.sleep(0.4)  # its line comes before the breakpoints are set
            writer.do("write", hits)
        text = running.said + "\n".join(
            line for line in running.output.read_text(errors="replace").splitlines() if line.startswith("Lost "))
        running.said = text
        return running.number(r"Lost (\d+) events")


def losses(quick: bool) -> list[Row]:
    hits = 50_000 if quick else 1_000_000
    seen, lost, unseen = _watched(1, hits)
    both_seen, both_lost, _ = _watched(2, hits)
    return [
        Row(f"records lost in {hits:,} hits at full rate, text to a file", f"{lost:,}", "0", lost == 0),
        Row("hits counted, of that many writes", f"{seen:,} and {unseen:,} unseen", f"{hits:,}", seen == hits),
        Row("the same from two threads, which leave the reader no CPU of its own",
            f"{both_lost:,} lost, {both_seen:,} hits", "", None),
        Row("events that a bpftrace printf with stacks lost of as many", f"{_bpftrace_lost(hits):,}", "", None),
    ]

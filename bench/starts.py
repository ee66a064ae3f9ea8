"""From process start to armed."""

from __future__ import annotations

import statistics

from programs import Writer, bpftrace, stakeout_armed_record
from table import Row


def starts(quick: bool) -> list[Row]:
    ours, theirs = (3, 2) if quick else (20, 10)
    told: list[float] = []
    seen: list[float] = []
    peer: list[float] = []
    with Writer() as writer:
        for i in range(ours):
            record, took = stakeout_armed_record(["--pid", str(writer.pid), "--symbol", "counter"])
            told.append(record["milliseconds"])
            seen.append(took)
            if i < theirs:
                running, attaching = bpftrace(writer.address, writer.pid)
                running.stop()
                peer.append(attaching)
    told_median, seen_median, peer_median = (statistics.median(values) for values in (told, seen, peer))
    return [
        Row("process start to armed, as `armed` tells", f"{told_median:.1f} ms (least {min(told):.1f})", "at most 40 ms",
            told_median <= 40),
        Row("fork to the `armed` line read, wall clock", f"{seen_median:.1f} ms (least {min(seen):.1f})", "at most 40 ms",
            seen_median <= 40),
        Row("the same against bpftrace's start to attached",
            f"{seen_median:.1f} ms against {peer_median:.1f} ms ({seen_median / peer_median:.2f} times)",
            "under 0.33 times", seen_median < peer_median / 3),
    ]

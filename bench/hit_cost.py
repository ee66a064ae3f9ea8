"""What a hit costs the program that makes it, over the exception itself, beside perf record and bpftrace."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from counting import Counting
from programs import Running, Writer, bpftrace, perf_record, stakeout_armed_record, stakeout_text
from table import Row

Tool = Callable[[], AbstractContextManager[object]]


def clear_child_tid(writer: Writer) -> str:
    return f"task({writer.pid})->clear_child_tid"


@contextmanager
def unthrottled() -> Iterator[None]:
    """Where an exception takes less than 10 us, perf's usual limit (100,000 samples a second) stops its event for the
    rest of the tick: it would then be cheap because it is blind."""
    limit = Path("/proc/sys/kernel/perf_event_max_sample_rate")
    before = limit.read_text(encoding="ascii")
    limit.write_text("1000000", encoding="ascii")
    try:
        yield
    finally:
        limit.write_text(before, encoding="ascii")


def _settled_bpftrace(address: int, pid: int | None) -> Running:
    running, _ = bpftrace(address, pid)
    time.sleep(0.4)  # its line comes before the breakpoints are set
    return running


def _interleaved(writer: Writer, work: str, hits: int, rounds: int, tools: dict[str, Tool]) -> dict[str, float]:
    """Median nanoseconds a hit, of the writer's CPU time, for each tool; each round has every tool once."""
    costs: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(rounds):
        for name, tool in tools.items():
            with tool():
                costs[name].append(writer.do(work, hits).cpu_per_round)
    return {name: statistics.median(values) for name, values in costs.items()}


def _rows(kind: str, costs: dict[str, float]) -> list[Row]:
    floor = costs["counting"]
    ours, perf, trace = (costs[name] - floor for name in ("stakeout", "perf record", "bpftrace"))
    return [
        Row(f"{kind}: exception alone (perf counting)", f"{floor:,.0f} ns", "", None),
        Row(f"{kind}: added by stakeout against what `perf record -g -c 1` adds", f"{ours:,.0f} ns against {perf:,.0f} ns"
            + (f" ({ours / perf:.2f} times)" if perf > 0 else ""), "at most 1.00 times", ours <= perf),
        Row(f"{kind}: added by stakeout against what a bpftrace printf with stacks adds",
            f"{ours:,.0f} ns against {trace:,.0f} ns" + (f" ({ours / trace:.2f} times)" if trace > 0 else ""),
            "at most 0.50 times", ours <= trace / 2),
    ]


def hit_cost(quick: bool) -> list[Row]:
    hits, rounds = (5_000, 1) if quick else (20_000, 5)
    rows = []
    with unthrottled(), Writer() as writer:
        user = ["--pid", str(writer.pid), "--symbol", "counter"]
        rows += _rows("user write", _interleaved(writer, "write", hits, rounds, {
            "counting": lambda: Counting(writer.address),
            "stakeout": lambda: stakeout_text(user, "--no-brake"),
            "perf record": lambda: perf_record(writer.address),
            "bpftrace": lambda: _settled_bpftrace(writer.address, writer.pid),
        }))
        kernel = ["--object", clear_child_tid(writer)]
        address = int(stakeout_armed_record(kernel)[0]["targets"][0]["address"], 16)
        rows += _rows("kernel write", _interleaved(writer, "kernel", hits, rounds, {
            "counting": lambda: Counting(address),
            "stakeout": lambda: stakeout_text(kernel, "--no-brake"),
            "perf record": lambda: perf_record(address),
            "bpftrace": lambda: _settled_bpftrace(address, None),
        }))
    return rows

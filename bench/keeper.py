"""Detached watches: what listing them takes, what one costs that is idle, what recording adds to a hit and takes on disk."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from programs import OUT, STAKEOUT, Running, Writer, wait_for_line
from table import Row

MOST_LIST_MS, MOST_ADDED, MOST_BYTES, MOST_IDLE_MB = 20, 0.02, 120, 20


@contextmanager
def run_folder() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "STAKEOUT_RUN": f"{folder}/run"}
        try:
            yield environment
        finally:
            subprocess.run([STAKEOUT, "remove", "--all"], env=environment, check=True, capture_output=True)


def _detached(environment: dict[str, str], *options: str) -> int:
    """The PID of a watch that is kept."""
    name = subprocess.run([STAKEOUT, "watch", "--detach", *options], env=environment, check=True, text=True,
                          capture_output=True).stdout.strip()
    shown = subprocess.run([STAKEOUT, "show", name], env=environment, check=True, text=True, capture_output=True).stdout
    return int(shown.split("pid ")[1].split(",")[0])


def _list_ms(writer: Writer, rounds: int) -> float:
    with run_folder() as environment:
        for slot in range(4):
            _detached(environment, "--pid", str(writer.pid), "--addr", hex(writer.address + 64 * slot), "--len", "8")
        times = []
        for _ in range(rounds):
            began = time.monotonic()
            subprocess.run([STAKEOUT, "list"], env=environment, check=True, capture_output=True)
            times.append((time.monotonic() - began) * 1e3)
    return statistics.median(times)


def _idle(writer: Writer, seconds: int) -> tuple[float, float]:
    """Resident megabytes, and the share of a CPU it takes, of a keeper whose memory nobody touches."""
    with run_folder() as environment:
        pid = _detached(environment, "--pid", str(writer.pid), "--addr", hex(writer.elsewhere), "--len", "8")
        time.sleep(5)

        def cpu_ns() -> int:
            return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])

        before = cpu_ns()
        time.sleep(seconds)
        used = cpu_ns() - before
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return resident / 1024, used / 1e9 / seconds


def _watch(writer: Writer, *options: str) -> Running:
    """A watch that shows its hits to nobody."""
    output = OUT / "keeper.txt"
    process = subprocess.Popen([STAKEOUT, "watch", "--quiet", "--no-brake", "--pid", str(writer.pid), "--symbol", "counter",
                                *options], stdin=subprocess.DEVNULL, stdout=output.open("wb"), stderr=subprocess.PIPE, bufsize=0)
    assert process.stderr
    said = wait_for_line(process.stderr, b"armed for", process)
    return Running(process, output, said.decode(), process.stderr)


def _cpu_of(pid: int) -> int:
    """Nanoseconds of CPU time of all its threads."""
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0])
               for task in Path(f"/proc/{pid}/task").iterdir())


def _recording(writer: Writer, hits: int, rounds: int) -> tuple[float, float, float]:
    """Nanoseconds a hit without and with recording, the writer's CPU time and the watch's together; bytes a hit."""
    costs: dict[bool, list[float]] = {False: [], True: []}
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for recorded in (False, True):
                file = Path(folder) / f"{number}.stk"
                options = ["--record", str(file), "--max-size", "1G"] if recorded else []
                with _watch(writer, *options) as watch:
                    before = _cpu_of(watch.process.pid)
                    spent = writer.do("write", hits).cpu_ns
                    time.sleep(1.5)  # what is in the ring is read, and written
                    costs[recorded].append((spent + _cpu_of(watch.process.pid) - before) / hits)
                if recorded:
                    sizes.append(file.stat().st_size / hits)
    return statistics.median(costs[False]), statistics.median(costs[True]), statistics.median(sizes)


def keeper(quick: bool) -> list[Row]:
    with Writer() as writer:
        list_ms = _list_ms(writer, 5 if quick else 31)
        resident, share = _idle(writer, 5 if quick else 30)
        without, recorded, size = _recording(writer, 5_000 if quick else 50_000, 1 if quick else 7)
    added = recorded / without - 1
    return [
        Row("`stakeout list` with 4 watches", f"{list_ms:.1f} ms", f"under {MOST_LIST_MS} ms", list_ms < MOST_LIST_MS),
        Row("a kept watch, idle: resident", f"{resident:.1f} MB", f"under {MOST_IDLE_MB} MB", resident < MOST_IDLE_MB),
        Row("a kept watch, idle: CPU", f"{share:.2%} of one CPU", "not measurable (under 0.1 %)", share < 0.001),
        Row("recording: CPU time a hit, the writer's and the watch's together", f"{recorded:,.0f} ns against {without:,.0f} ns "
            f"({added:+.1%})", "under 2 % more", added < MOST_ADDED),
        Row("recording: bytes a hit with both stacks", f"{size:.0f}", f"under {MOST_BYTES}", size < MOST_BYTES),
    ]

"""The programs that are started and measured: the writer, stakeout, and the peers it is compared with."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "stakeout"
WRITER = ROOT / "build" / "bench" / "writer"
OUT = ROOT / "build" / "bench" / "out"
STAKEOUT = OUT / "stakeout"  # a copy: a build meanwhile must not change what is measured
BOUND = 180.0  # seconds; no step takes as long


@dataclass
class Times:
    """What the writer answers: wall clock, and its own CPU time, which other load on the machine does not lengthen."""

    rounds: int
    wall_ns: int
    cpu_ns: int

    @property
    def cpu_per_round(self) -> float:
        return self.cpu_ns / self.rounds

    @property
    def wall_per_round(self) -> float:
        return self.wall_ns / self.rounds


class Writer:
    """bench/writer.c; a context manager."""

    def __init__(self, threads: int = 1) -> None:
        self._process = subprocess.Popen([WRITER, "--threads", str(threads)], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        self.facts: dict[str, str] = {}
        while (line := self._line()) != "ready":
            name, _, value = line.partition(" ")
            self.facts[name] = value

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return int(self.facts["pid"])

    @property
    def address(self) -> int:
        return int(self.facts["counter"], 16)

    @property
    def elsewhere(self) -> int:
        return int(self.facts["elsewhere"], 16)

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the writer ended with status {self._process.wait()}")
        return line.strip()

    def do(self, what: str, rounds: int) -> Times:
        assert self._process.stdin
        self._process.stdin.write(f"{what} {rounds}\n")
        self._process.stdin.flush()
        answer = self._line().split()
        return Times(int(answer[1]), int(answer[3]), int(answer[5]))


def wait_for_line(stream: IO[bytes], wanted: bytes, process: subprocess.Popen[bytes]) -> bytes:
    """Reads, without taking more than there is, until `wanted` is in a whole line; everything read."""
    seen = b""
    ends = time.monotonic() + BOUND
    while not (wanted in seen and seen.endswith(b"\n")):
        ready, _, _ = select.select([stream], [], [], max(0.0, ends - time.monotonic()))
        chunk = os.read(stream.fileno(), 65536) if ready else b""
        if not chunk:
            process.kill()
            raise RuntimeError(f"{process.args!r} did not say {wanted!r}, but: {seen.decode(errors='replace')}")
        seen += chunk
    return seen


@dataclass
class Running:
    """A watching program: armed while inside `with`; `said` is its stderr, complete after the end."""

    process: subprocess.Popen[bytes]
    output: Path
    said: str = ""
    _error: IO[bytes] | None = field(default=None, repr=False)
    patience: float = BOUND  # seconds from SIGINT to SIGKILL

    def __enter__(self) -> "Running":
        return self

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        killer = threading.Timer(self.patience, self.process.kill)
        killer.start()
        if self._error:
            self.said += self._error.read().decode(errors="replace")
            self._error.close()
        self.process.wait(BOUND)
        killer.cancel()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def number(self, pattern: str) -> int:
        """The sum of what a pattern finds in what the program said on stderr or, for bpftrace, in its output."""
        return sum(int(found) for found in re.findall(pattern, self.said))


def stakeout_text(target: list[str], *options: str) -> Running:
    """`stakeout watch`, text to a file; returns when it is armed."""
    output = OUT / "stakeout.txt"
    process = subprocess.Popen([STAKEOUT, "watch", *target, *options], stdin=subprocess.DEVNULL,
                               stdout=output.open("wb"), stderr=subprocess.PIPE, bufsize=0)
    assert process.stderr
    said = wait_for_line(process.stderr, b"armed for", process)
    return Running(process, output, said.decode(), process.stderr)


def stakeout_armed_record(target: list[str]) -> tuple[dict[str, Any], float]:
    """The `armed` record of a watch that is ended at once, and the milliseconds from fork to reading it."""
    began = time.perf_counter()
    process = subprocess.Popen([STAKEOUT, "watch", *target, "-o", "json"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
    assert process.stdout
    line = wait_for_line(process.stdout, b"armed", process)
    took = (time.perf_counter() - began) * 1e3
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    process.wait(BOUND)
    return json.loads(line.splitlines()[0]), took


def perf_record(address: int) -> Running:
    """perf, told to be on only when it says so: its control pipe answers when the events are enabled."""
    output = OUT / "perf.data"
    control_read, control_write = os.pipe()
    ack_read, ack_write = os.pipe()
    process = subprocess.Popen(["perf", "record", "-q", "-a", "-g", "-c", "1", "-e", f"mem:{address:#x}/8:w", "-D", "-1",
                                f"--control=fd:{control_read},{ack_write}", "-o", str(output)],
                               pass_fds=[control_read, ack_write], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0)
    os.close(control_read)
    os.close(ack_write)
    os.write(control_write, b"enable\n")
    answered, _, _ = select.select([ack_read], [], [], BOUND)
    if not answered or not os.read(ack_read, 16):
        raise RuntimeError("perf record did not start")
    os.close(control_write)
    os.close(ack_read)
    return Running(process, output, "", process.stderr)


def _perf_events(pid: int) -> int:
    try:
        with os.scandir(f"/proc/{pid}/fd") as files:
            return sum(os.readlink(file.path) == "anon_inode:[perf_event]" for file in files)
    except OSError:
        return 0


BPFTRACE_PROGRAM = 'watchpoint:{address:#x}:8:w {{ printf("%d %s %s %s\\n", pid, comm, kstack, ustack); }}'


def bpftrace(address: int, pid: int | None) -> tuple[Running, float]:
    """bpftrace's printf with both stacks, to a file, and the milliseconds from fork to its watchpoint's perf event."""
    output = OUT / "bpftrace.txt"
    target = ["-p", str(pid)] if pid else []
    began = time.perf_counter()
    written = output.open("wb")
    process = subprocess.Popen(["bpftrace", *target, "-e", BPFTRACE_PROGRAM.format(address=address)],
                               stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.PIPE, bufsize=0)
    while _perf_events(process.pid) <= (os.cpu_count() or 1):  # as many belong to its output buffers
        if process.poll() is not None or time.perf_counter() - began > BOUND:
            assert process.stderr
            raise RuntimeError(f"bpftrace did not start: {process.stderr.read().decode(errors='replace')}")
        time.sleep(0.001)
    took = (time.perf_counter() - began) * 1e3
    # After many hits it goes on printing for minutes, or for ever.
    return Running(process, output, "", process.stderr, patience=3.0), took

"""What `diagnose leak --pid` adds to a program that does nothing but allocate, beside what memleak (bpfcc-tools) adds."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from programs import BOUND, OUT, ROOT, STAKEOUT, Running, wait_for_line
from table import Row

ALLOCATOR = ROOT / "build" / "bench" / "allocator"
WHAT = "CPU time that `diagnose leak --pid` adds to an allocation and its free"
MOST = 0.5
SETTLE = 1.5  # seconds: both have attached, the sampling has found its rate


class Allocator:
    """bench/allocator.c; a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([ALLOCATOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout and self._process.stdin
        self.pid = int(self._process.stdout.readline().split()[1])

    def __enter__(self) -> "Allocator":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def cpu_ns_per_round(self, rounds: int) -> float:
        assert self._process.stdout and self._process.stdin
        self._process.stdin.write(f"{rounds}\n")
        self._process.stdin.flush()
        done, _, cpu = self._process.stdout.readline().split()
        return int(cpu) / int(done)


def _headers(to: Path) -> Path | None:
    """bcc compiles against kernel headers. Where this kernel has none, those of the guests' 6.1 do for a user-space probe."""
    packages = sorted((ROOT / "build/guest/6.1/root/usr/src").glob("linux-headers-*"))
    if len(packages) < 2:
        return None
    for package in sorted(packages, key=lambda path: "common" not in path.name):  # the common ones first
        for folder in ("include", "arch"):
            shutil.copytree(package / folder, to / folder, symlinks=True, dirs_exist_ok=True)
    return to


def _events(pid: int) -> int:
    try:
        with os.scandir(f"/proc/{pid}/fd") as files:
            return sum(os.readlink(file.path) == "anon_inode:[perf_event]" for file in files)
    except OSError:  # one was closed meanwhile
        return 0


def _wait_for_probes(process: subprocess.Popen[bytes]) -> None:
    """memleak says that it attaches before it does: until its number of perf events stays the same."""
    ends, before, same = time.monotonic() + BOUND, 0, 0
    while same < 10:
        if process.poll() is not None or time.monotonic() > ends:
            process.kill()
            raise RuntimeError("memleak did not attach")
        now = _events(process.pid)
        same = same + 1 if now == before and now > 8 else 0
        before = now
        time.sleep(0.1)


@contextmanager
def memleak(pid: int, headers: Path | None) -> Iterator[None]:
    environment = os.environ | ({"BCC_KERNEL_SOURCE": str(headers)} if headers else {})
    process = subprocess.Popen(["memleak-bpfcc", "-p", str(pid), "5"], env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for_probes(process)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def diagnose_leak(pid: int) -> Iterator[None]:
    output = OUT / "leak.txt"
    process = subprocess.Popen([STAKEOUT, "diagnose", "leak", "--pid", str(pid), "--for", "5m"], stdin=subprocess.DEVNULL,
                               stdout=output.open("wb"), stderr=subprocess.PIPE, bufsize=0)
    assert process.stderr
    with Running(process, output, wait_for_line(process.stderr, b"observing", process).decode(), process.stderr):
        yield


def leak(quick: bool) -> list[Row]:
    if shutil.which("memleak-bpfcc") is None:
        return [Row(WHAT, "memleak is not installed", f"at most {MOST} of memleak's", None)]
    with tempfile.TemporaryDirectory() as folder:
        has_headers = Path(f"/lib/modules/{os.uname().release}/build").exists()
        return _measure(quick, None if has_headers else _headers(Path(folder)))


def _measure(quick: bool, headers: Path | None) -> list[Row]:
    rounds, repetitions = (20_000, 1) if quick else (60_000, 5)
    bare, ours, theirs = [], [], []
    with Allocator() as program:
        for _ in range(repetitions):
            bare.append(program.cpu_ns_per_round(rounds * 20))
            with diagnose_leak(program.pid):
                program.cpu_ns_per_round(rounds // 10)
                time.sleep(SETTLE)
                ours.append(program.cpu_ns_per_round(rounds))
            with memleak(program.pid, headers):
                program.cpu_ns_per_round(rounds // 10)
                time.sleep(SETTLE)
                theirs.append(program.cpu_ns_per_round(rounds))
    ratios = [(o - b) / (t - b) for b, o, t in zip(bare, ours, theirs)]
    ratio = statistics.median(ratios)
    b, o, t = (statistics.median(all_of) for all_of in (bare, ours, theirs))
    return [Row(WHAT, f"{ratio:.2f} of memleak's ({o - b:,.0f} ns against {t - b:,.0f} ns; unwatched {b:,.0f} ns)",
                f"at most {MOST} of memleak's", ratio <= MOST)]

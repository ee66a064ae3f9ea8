"""From the moment a deadlock report is asked for (SIGUSR1) to the report, wall clock."""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import time

from programs import ROOT, STAKEOUT
from table import Row

PROGRAM = ROOT / "build" / "tests" / "faults" / "deadlock_abba"


def _asked_to_told() -> float:
    process = subprocess.Popen([STAKEOUT, "diagnose", "deadlock", "lock_a", "lock_b", "--held-longer-than", "1h", "-o", "json",
                                "--", PROGRAM, "fault"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    assert process.stdout and process.stderr
    try:
        while "armed for" not in process.stderr.readline():
            pass
        time.sleep(1.5)  # by then the program has locked itself up
        asked = time.monotonic()
        process.send_signal(signal.SIGUSR1)
        report = json.loads(process.stdout.readline())
        took = time.monotonic() - asked
        assert report["kind"] == "cycle", report["sentence"]
        return took
    finally:
        process.kill()
        process.communicate()


def deadlock(quick: bool) -> list[Row]:
    times = [_asked_to_told() for _ in range(2 if quick else 7)]
    return [Row("deadlock report of two threads and two locks, from the moment asked",
                f"{statistics.median(times) * 1e3:.0f} ms (most {max(times) * 1e3:.0f})", "under 1 s", max(times) < 1)]

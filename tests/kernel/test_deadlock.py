"""What `stakeout diagnose deadlock` does beyond the corpus: asked on demand, attached too late, with locks not named."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Iterator

import pytest

from diagnosis_run import DiagnosisRun
from stakeout_run import BINARY, die_with_parent, run, wait_until

PROGRAM = Path(BINARY).resolve().parent / "tests" / "faults" / "deadlock_abba"


def locked_up(pid: int) -> bool:
    """All its threads but the first sleep on futexes, and stay there."""
    def calls() -> list[str]:
        return [(task / "syscall").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]

    first = calls()
    time.sleep(0.3)
    return len(first) == 5 and all(call.startswith("202 ") for call in first) and first == calls()


@pytest.fixture
def hung() -> Iterator[int]:
    """A program in its deadlock before anybody watches."""
    with subprocess.Popen([PROGRAM, "fault"], preexec_fn=die_with_parent) as program:
        try:
            wait_until(lambda: locked_up(program.pid), "the program has locked itself up")
            yield program.pid
        finally:
            program.kill()


def diagnoses(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def evidence_of_kind(diagnosis: dict, kind: str) -> list[dict]:
    found, left = [], list(diagnosis["evidence"])
    while left:
        one = left.pop()
        left += one.get("under", [])
        if one["kind"] == kind:
            found.append(one)
    return found


def test_locks_held_before_the_watch_are_told_on_demand(hung: int) -> None:
    with DiagnosisRun("deadlock", "lock_a", "lock_b", "--pid", str(hung), "--held-longer-than", "1h") as watch:
        watch.wait_armed()
        watch.send(signal.SIGUSR1)
        time.sleep(2)
        watch.interrupt()
        found = diagnoses(watch.wait_output())
    assert found[0]["kind"] == "cycle"
    assert {one["function"] for one in found[0]["culprits"]} == {"audit", "transfer"}
    assert evidence_of_kind(found[0], "held_when_armed")
    assert found[-1]["kind"] == "cycle"


def test_the_other_lock_need_not_be_named(hung: int) -> None:
    with DiagnosisRun("deadlock", "lock_a", "--pid", str(hung), "--held-longer-than", "300ms", "--once") as watch:
        diagnosis = diagnoses(watch.wait_output())[-1]
    assert diagnosis["kind"] == "cycle"
    locks = {one["says"].split(":")[0] for one in evidence_of_kind(diagnosis, "lock")}
    assert locks == {"lock_a", "lock_b"}
    assert sum(node["in_cycle"] for node in diagnosis["graph"]["nodes"]) == 4


def test_waiters_show_where_they_wait(hung: int) -> None:
    with DiagnosisRun("deadlock", "lock_a", "--pid", str(hung), "--held-longer-than", "300ms", "--once") as watch:
        diagnosis = diagnoses(watch.wait_output())[-1]
    for waiter in evidence_of_kind(diagnosis, "waiter"):
        symbols = {frame.get("symbol") for stack in waiter["stacks"] for frame in stack["frames"]}
        assert symbols & {"audit", "transfer", "teller"}, waiter["says"]


def test_dot_marks_the_circle(hung: int) -> None:
    told = run("diagnose", "deadlock", "lock_a", "--pid", str(hung), "--held-longer-than", "300ms", "--once", "-o", "dot")
    assert told.returncode == 0
    assert told.stdout.startswith("digraph") and told.stdout.count("color=red") == 8


def test_the_kind_must_be_known() -> None:
    told = run("diagnose", "deadlock", "balance", "--", str(PROGRAM), "innocent")
    assert told.returncode == 2 and "--kind" in told.stderr
    told = run("diagnose", "deadlock", "lock_a", "--kind", "mutex", "--", str(PROGRAM), "innocent")
    assert told.returncode == 2 and "kernel" in told.stderr
    told = run("diagnose", "deadlock", "lock_a", "--kind", "lock", "--", str(PROGRAM), "innocent")
    assert told.returncode == 2 and "pthread_rwlock" in told.stderr

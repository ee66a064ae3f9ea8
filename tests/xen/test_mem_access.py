"""PVH guests under EPT, in Bochs: every access to a frame, or to an address, with exact counts; the guest healed."""

from __future__ import annotations

import pytest

from bochs import Run
from watching import records_of

# Backend, kind, address, bytes, and how often a round touches it (programs/tiny/tiny.S tells what a round does).
CASES = [
    ("mem-access", "w", "0x200010", 4, 100), ("mem-access", "rw", "0x200ff8", 4, 100),
    ("mem-access", "r", "0x201024", 4, 60), ("mem-access", "x", "0x202000", 1, 40),
    ("mem-access", "w", "0x203800", 4, 50), ("debug-event", "w", "0x200010", 4, 100),
    ("debug-event", "x", "0x202000", 1, 40),
]

# This module's part of the one run.
BOCHS = """
check pvh-create create_tiny
check pvh-unpause xl unpause tiny
check pvh-first until_rounds 1
check pvh-doctor stakeout-xen doctor
""" + "".join(f"""
check arm-{backend}-{kind}-{address} arm -d tiny --gpa {address} --len {size} --{kind} --backend {backend}
check round-{backend}-{kind}-{address} one_round
check end-{backend}-{kind}-{address} end_watch
""" for backend, kind, address, size, _ in CASES) + """
check pvh-when-arm arm -d tiny --gpa 0x200010 --len 4 --when "new % 10 == 0"
check pvh-when-round one_round
check pvh-when end_watch
killed() { arm -d tiny --gpa 0x200010 --len 4 --backend $1 && end_watch KILL; sleep 1; stakeout-xen list; one_round && echo runs-on; }
check killed-mem-access killed mem-access
check killed-debug-event killed debug-event
stopped() {
    arm -d tiny --gpa 0x200010 --len 4 --backend mem-access && kill -STOP "$(cat /tmp/watch.pid)" && one_round && echo runs-on
    kill -CONT "$(cat /tmp/watch.pid)"
    end_watch
}
check stopped stopped
check pvh-destroy xl destroy tiny
"""


@pytest.mark.parametrize("backend, kind, address, size, count", CASES)
def test_counts_are_exact(bochs_run: Run, backend: str, kind: str, address: str, size: int, count: int) -> None:
    name = f"{backend}-{kind}-{address}"
    armed = bochs_run.check(f"arm-{name}")
    assert armed.status == 0, armed.stdout
    assert bochs_run.check(f"round-{name}").status == 0
    ended = bochs_run.check(f"end-{name}")
    assert "status 0" in ended.lines, ended.stdout
    records = {record["type"]: record for record in records_of(ended.stdout)}
    begun, last, summary = records["armed"], records["hit"], records["summary"]
    assert begun["guest"]["backend"] == backend and begun["cpus_armed"] == [0]
    assert summary["hits"] == count and summary["lost"] == 0 and f"hits {count}" in ended.lines
    assert last["guest"]["vcpu"] == 0 and last["access"] == {"w": "write", "r": "read", "x": "execute", "rw": "write"}[kind]
    if kind == "w":
        assert int(last["new"], 16) == int(last["old"], 16) + 1, "the counts that it writes"
    if address == "0x203800":  # in a busy page: 2000 writes beside it
        assert summary["outside"] == 2000
        assert "beside the watched bytes" in records["notice"]["text"]


def test_conditions_are_judged_in_dom0(bochs_run: Run) -> None:
    said = bochs_run.check("pvh-when")
    summary = records_of(said.stdout)[-1]
    assert "hits 10" in said.lines, said.stdout
    assert summary["hits"] == 100 and summary["dropped"] == 90 and summary["dropped_by_reader"] == {"when": 90}


def test_doctor(bochs_run: Run) -> None:
    doctor = bochs_run.check("pvh-doctor").stdout
    assert "mem-access      yes" in doctor and "debug-event     yes" in doctor


@pytest.mark.parametrize("backend", ["mem-access", "debug-event"])
def test_killed_bridge_leaves_the_guest_running(bochs_run: Run, backend: str) -> None:
    said = bochs_run.check(f"killed-{backend}")
    assert "no guest is watched" in said.lines and "runs-on" in said.lines, said.stdout


def test_a_bridge_that_stands_still_does_not_hold_the_guest(bochs_run: Run) -> None:
    """Nobody answers: the ring fills, the vCPU waits, and the guardian frees it."""
    said = bochs_run.check("stopped")
    assert "runs-on" in said.lines, said.stdout
    assert "status 5" in said.lines and "its guardian has freed the guest" in said.stdout, said.stdout

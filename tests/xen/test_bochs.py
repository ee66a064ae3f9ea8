"""Bochs: dom0 comes up with VMX and EPT, and its guests do what the mem_access tests rely on."""

from __future__ import annotations

from bochs import Run

# This module's part of the one run.
BOCHS = """
# ROUNDS, WRITES, READS, EXECS, WATCHED, BUSY (programs/tiny/tiny.S)
counts() { for place in 04 08 0c 10 14 18; do word 0x2040$place; done; }
check info xl info
check create-tiny create_tiny
check writes-before word 0x204008
check unpause-tiny xl unpause tiny
check rounds-1 until_rounds 1
check counts-1 counts
check go word 0x204000 3
check rounds-3 until_rounds 3
check counts-3 counts
check destroy-tiny xl destroy tiny
check linux-ready create_linux
check uname guest linux "uname -s; nproc; exit 4"
check victim guest linux "victim /tmp/v >/tmp/said & sleep 1; echo user 1000 >/tmp/v; sleep 1; echo quit >/tmp/v; wait; cat /tmp/said"
check destroy-linux xl destroy linux
"""

def test_dom0_has_ept(bochs_run: Run) -> None:
    info = bochs_run.check("info")
    assert info.status == 0
    assert "hvm hap" in info.stdout


def test_tiny_guest_makes_its_accesses_when_it_is_told(bochs_run: Run) -> None:
    assert bochs_run.check("create-tiny").status == 0
    assert bochs_run.check("writes-before").lines == ["0"]
    assert bochs_run.check("counts-1").lines == ["1", "100", "60", "40", "50", "2000"]
    assert bochs_run.check("counts-3").lines == ["3", "300", "180", "120", "150", "6000"]


def test_linux_guest_answers(bochs_run: Run) -> None:
    assert bochs_run.check("linux-ready").status == 0
    uname = bochs_run.check("uname")
    assert (uname.status, uname.lines) == (4, ["Linux", "1"])
    assert "did 1000 user, value 1000" in bochs_run.check("victim").lines
    assert bochs_run.check("destroy-linux").status == 0

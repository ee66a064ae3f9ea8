"""Every planted bug in a program is named, and its innocent twin is not accused (tests/faults/README.md)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import corpus
from stakeout_run import BINARY, PATIENCE

PROGRAMS = Path(BINARY).resolve().parent / "tests" / "faults"
FAULTS = corpus.faults("user")


def diagnose(fault: corpus.Fault, twin: str) -> dict:
    command = [BINARY, "diagnose", *fault.arguments, "-o", "json", "--", str(PROGRAMS / fault.name), twin]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120 * PATIENCE, stdin=subprocess.DEVNULL,
                          check=False)
    assert done.returncode == 0, done.stderr
    return corpus.last_diagnosis(done.stdout)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_culprit_is_named(fault: corpus.Fault) -> None:
    diagnosis = diagnose(fault, "fault")
    assert not corpus.wrong_about_fault(fault, diagnosis), corpus.wrong_about_fault(fault, diagnosis)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_innocent_is_not_accused(fault: corpus.Fault) -> None:
    diagnosis = diagnose(fault, "innocent")
    assert not corpus.wrong_about_innocent(fault, diagnosis), corpus.wrong_about_innocent(fault, diagnosis)

"""Every planted bug in the kernel is named, and its innocent twin is not accused (tests/faults/README.md)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator

import pytest

import corpus
from conftest import MODULES
from diagnosis_run import DiagnosisRun

FAULTS = corpus.faults("kernel")
_PROC = Path("/proc/stakeout_culprits")


@pytest.fixture(scope="session")
def culprits() -> Iterator[None]:
    assert MODULES
    if not _PROC.exists():
        subprocess.run(["insmod", str(Path(MODULES) / "stakeout_culprits.ko")], check=True)
    yield  # it cannot be unloaded: threads of its deadlocks are in it


def diagnose(fault: corpus.Fault, twin: str) -> dict:
    _PROC.write_text(f"{fault.name} prepare")
    address = dict(line.split() for line in _PROC.read_text().splitlines()).get("&" + fault.name, "")
    arguments = [word.replace("{ADDRESS}", address) for word in fault.arguments]
    if twin == "fault" and "--once" in arguments:  # most end with the fault, however slow the guest is
        at = arguments.index("--ttl") + 1
        arguments[at] = f"{3 * int(arguments[at].removesuffix('s'))}s"
    with DiagnosisRun(*arguments) as run:
        run.wait_armed()
        _PROC.write_text(f"{fault.name} {twin}")
        if fault.ends == "interrupt":
            run.interrupt()
        diagnosis = corpus.last_diagnosis(run.wait_output())
    _PROC.write_text(f"{fault.name} undo")
    return diagnosis


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_culprit_is_named(culprits: None, fault: corpus.Fault) -> None:
    diagnosis = diagnose(fault, "fault")
    assert not corpus.wrong_about_fault(fault, diagnosis), corpus.wrong_about_fault(fault, diagnosis)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_innocent_is_not_accused(culprits: None, fault: corpus.Fault) -> None:
    diagnosis = diagnose(fault, "innocent")
    assert not corpus.wrong_about_innocent(fault, diagnosis), corpus.wrong_about_innocent(fault, diagnosis)

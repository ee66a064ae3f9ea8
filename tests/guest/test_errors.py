"""Refusals, doctor and slots on kernels that have what the native machine lacks: modules, all symbols, kprobes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fault_module import Fault
from kernel_state import HeldSlots
from stakeout_run import Watch, run

USAGE, CANNOT_ARM = 2, 3


def refused(status: int, *args: str) -> str:
    """What stakeout says to a watch that it must refuse. One sentence, never a stack of internals."""
    done = run("watch", *args, "--ttl", "30s")
    assert done.returncode == status, done
    assert done.stdout == ""
    assert done.stderr.strip(), "a refusal without a word"
    return done.stderr


def has_symbol(name: str) -> bool:
    return any(line.split()[2] == name for line in Path("/proc/kallsyms").read_text().splitlines())


def test_unknown_symbol_names_near_ones(fault: Fault) -> None:
    said = refused(CANNOT_ARM, "--symbol", "stakeout_fault:fault_sate", "--len", "8")
    assert "fault_state" in said


def test_ambiguous_symbol_lists_all(fault: Fault) -> None:
    said = refused(CANNOT_ARM, "--symbol", "stakeout_fault:fault_twin", "--len", "8")
    assert f"{fault.address('fault_twin'):x}" in said
    assert said.count("0x") >= 2


def test_unknown_field_names_near_ones(fault: Fault) -> None:
    said = refused(CANNOT_ARM, "--symbol", "stakeout_fault:fault_object.inner.frist", "--type", "struct fault_object")
    assert "first" in said


def test_too_wide_tells_how_many_slots(fault: Fault) -> None:
    # Bytes 1 to 31: slots of 1, 2, 4, 8, 8 and 8 bytes.
    said = refused(CANNOT_ARM, "--symbol", "stakeout_fault:fault_pair+1", "--len", "31")
    assert "6" in said and "slots" in said


def test_slots_exhausted_names_the_holder(fault: Fault) -> None:
    with HeldSlots(1):
        said = refused(CANNOT_ARM, "--symbol", "stakeout_fault:fault_state", "--len", "8")
    assert str(os.getpid()) in said
    assert "CPU 1" in said


def test_slots_command_names_the_holder() -> None:
    with HeldSlots(0, 2):
        done = run("slots")
    assert done.returncode == 0
    assert str(os.getpid()) in done.stdout


def test_slots_command_names_a_watch(fault: Fault) -> None:
    with Watch("--symbol", "stakeout_fault:fault_state", "--len", "8") as watch:
        watch.wait_armed()
        done = run("slots")
    assert str(watch.pid) in done.stdout and "stakeout" in done.stdout


@pytest.mark.parametrize(("address", "why"), [
    ("0x400000", "--pid"),             # the user half belongs to a process
    ("0x8000000000000000", "canonical"),
    ("0xffffffff00000000", "mapped"),  # the hole below the kernel's image
])
def test_addresses_refused(address: str, why: str) -> None:
    assert why in refused(CANNOT_ARM, "--addr", address, "--len", "8")


@pytest.mark.parametrize("name", ["__preempt_count", "pcpu_hot", "current_task"])
def test_memory_of_the_exception_path_is_refused(name: str) -> None:
    # 6.1 has the two variables, 6.12 has moved them into the structure.
    if not has_symbol(name):
        pytest.skip(f"this kernel has no {name}")
    refused(CANNOT_ARM, "--symbol", name, "--len", "4")


@pytest.mark.parametrize("args", [
    ("--symbol", "jiffies_64", "--ttl", "0s"), ("--symbol", "jiffies_64", "--count", "x"),
    ("--symbol", "jiffies_64", "--w", "--x"), (), ("--addr", "0xzz"),
])
def test_usage(args: tuple[str, ...]) -> None:
    done = run("watch", *args)
    assert done.returncode == USAGE, done
    assert done.stderr.strip()


def test_doctor() -> None:
    done = run("doctor", "-o", "json")
    assert done.returncode == 0, done
    report = json.loads(done.stdout)
    assert report["ready"] is True
    findings = {finding["subject"]: finding for finding in report["findings"]}
    # All that the native machine's kernel cannot do is there on these.
    for subject in ("debug registers", "kernel execute breakpoints", "kernel types (BTF)", "kernel symbols"):
        assert findings[subject]["verdict"] == "ok", findings[subject]
    assert "4 of 4" in findings["debug registers"]["found"]
    for finding in findings.values():
        assert finding["verdict"] == "ok" or (finding["consequence"] and finding["remedy"]), finding


def test_doctor_counts_taken_slots() -> None:
    with HeldSlots(1, 3):
        done = run("doctor", "-o", "json")
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert findings["debug registers"]["verdict"] != "ok"

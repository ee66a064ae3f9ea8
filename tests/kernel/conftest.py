"""Acceptance tests on this machine's own kernel and debug registers.

    /usr/bin/python3 -m pytest -p no:cacheprovider tests/kernel
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "harness"), str(Path(__file__).resolve().parent)]

import kernel_state  # noqa: E402
from actor import Actor  # noqa: E402
from stakeout_run import wait_until  # noqa: E402


def _missing() -> str:
    """Why no test can run here, or nothing."""
    if os.geteuid() != 0:
        return "perf events on all tasks and BPF programs need root"
    try:
        return "" if kernel_state.free_slots(0) else "no debug register is free"
    except OSError as error:
        return f"no hardware breakpoints: {error.strerror}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if reason := _missing():
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


def _ours(pid: int) -> bool:
    """Whether we started that process, directly or not."""
    while pid > 1 and pid != os.getpid():
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return pid == os.getpid()


def _others_at_work() -> bool:
    """Somebody else on this machine uses debug registers or BPF just now: what is in use may be theirs."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name = (entry / "comm").read_text().strip()
        except OSError:
            continue
        if name in ("stakeout", "bpftrace", "perf", "bpftool", "gdb") and not _ours(int(entry.name)):
            return True
    return False


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """After every test all debug registers are free, and every BPF program that it brought is gone."""
    before = kernel_state.bpf_program_ids()
    yield
    wait_until(lambda: kernel_state.all_slots_free() or _others_at_work(), "all debug registers are free again")
    wait_until(lambda: kernel_state.bpf_program_ids() <= before or _others_at_work(), "no BPF program is left")


@pytest.fixture
def actor() -> Iterator[Actor]:
    with Actor() as running:
        yield running

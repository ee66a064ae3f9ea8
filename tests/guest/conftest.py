"""Fixtures of the guest tests. They change the kernel they run on (modules, CPU hotplug): only in a guest."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "harness"))

import kernel_state  # noqa: E402
from fault_module import Fault  # noqa: E402
from stakeout_run import wait_until  # noqa: E402

MODULES = os.environ.get("FAULT_MODULES")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if MODULES is None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="only in a guest: run tests/guest/run.py"))


@pytest.fixture(scope="session")
def fault() -> Iterator[Fault]:
    assert MODULES
    module = Fault(Path(MODULES))
    module.load()
    yield module
    module.unload()


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """After every test all debug registers are free, and every BPF program that it brought is gone."""
    before = kernel_state.bpf_program_ids()
    yield
    wait_until(kernel_state.all_slots_free, "all debug registers are free again")
    wait_until(lambda: kernel_state.bpf_program_ids() <= before, "no BPF program is left")

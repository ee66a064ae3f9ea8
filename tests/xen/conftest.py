"""Fixtures of the Xen tests: Xen and dom0 are booted once, guests are made as tests ask for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from emulator import TREE, WORK  # noqa: E402
from guests import Guest  # noqa: E402
from xen_qemu import Dom0  # noqa: E402

STAKEOUT = Path(os.environ.get("STAKEOUT", TREE / "build" / "stakeout"))


@pytest.fixture(scope="session")
def media() -> Path:
    """What is booted, made or brought up to date."""
    subprocess.run([HERE / "media.sh", WORK], check=True)
    return WORK / "media"


@pytest.fixture(scope="session")
def dom0(media: Path) -> Iterator[Dom0]:
    with Dom0() as machine:
        yield machine


@pytest.fixture(scope="session")
def stakeout_in_dom0(dom0: Dom0) -> str:
    """The host's stakeout, as dom0's shell calls it."""
    dom0.install(STAKEOUT)
    return STAKEOUT.name


@pytest.fixture(scope="session")
def web1(dom0: Dom0) -> Iterator[Guest]:
    """A PV guest with two vCPUs, for all tests that leave it as it was."""
    with Guest(dom0, "web1", type="pv", vcpus=2) as guest:
        guest.wait_ready()
        yield guest


@pytest.fixture
def make_guest(dom0: Dom0) -> Iterator[Callable[..., Guest]]:
    """Makes guests for one test, ready; they are destroyed after it."""
    made: list[Guest] = []

    def make(name: str, **how: object) -> Guest:
        guest = Guest(dom0, name, **how)  # type: ignore[arg-type]
        guest.__enter__()
        made.append(guest)
        guest.wait_ready()
        return guest

    yield make
    for guest in made:
        guest.destroy()

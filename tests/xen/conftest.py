"""Fixtures of the Xen tests: Xen and dom0 are booted once, guests are made as tests ask for them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Callable, Iterator

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bochs  # noqa: E402
from emulator import TREE, WORK  # noqa: E402
from guests import Guest  # noqa: E402
from xen_qemu import Dom0  # noqa: E402

STAKEOUT = Path(os.environ.get("STAKEOUT", TREE / "build" / "stakeout"))
STAKEOUT_XEN = Path(os.environ.get("STAKEOUT_XEN", TREE / "build" / "stakeout-xen"))


@pytest.fixture(scope="session")
def media() -> Path:
    """What is booted, made or brought up to date."""
    subprocess.run([HERE / "media.sh", WORK], check=True)
    return WORK / "media"


class _BochsRun:
    """The one Bochs run, begun before the first test: it takes a CPU of its own while the others use QEMU's."""

    def __init__(self, script: str, files: list[Path]) -> None:
        self._stop = threading.Event()
        self._outcome: list[bochs.Run | BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(script, files), daemon=True)
        self._thread.start()

    def _run(self, script: str, files: list[Path]) -> None:
        try:
            self._outcome.append(bochs.run(WORK / "bochs", script, files, stop=self._stop))
        except BaseException as problem:  # pylint: disable=broad-except
            self._outcome.append(problem)

    def end(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def outcome(self) -> bochs.Run:
        self._thread.join()
        (outcome,) = self._outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def _of_bochs(items: list[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if "bochs_run" in getattr(item, "fixturenames", ())]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait for Bochs come last."""
    waiting = _of_bochs(items)
    items[:] = [item for item in items if item not in waiting] + waiting


@pytest.fixture(scope="session", autouse=True)
def bochs_begun(request: pytest.FixtureRequest, media: Path) -> Iterator[_BochsRun | None]:
    """Every module with tests of the Bochs run has its part of the script in BOCHS."""
    scripts = dict.fromkeys(item.module.BOCHS for item in _of_bochs(request.session.items))  # type: ignore[attr-defined]
    if not scripts:
        yield None
        return
    run = _BochsRun("\n".join(scripts), [file for file in [STAKEOUT_XEN] if file.exists()])
    yield run
    run.end()


@pytest.fixture(scope="session")
def bochs_run(bochs_begun: _BochsRun) -> bochs.Run:
    return bochs_begun.outcome()


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
def stakeout_xen(dom0: Dom0) -> str:
    dom0.install(STAKEOUT_XEN)
    return STAKEOUT_XEN.name


@pytest.fixture(autouse=True)
def no_watch_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails must not take the guest from the next."""
    yield
    if "stakeout_xen" in request.fixturenames:
        request.getfixturevalue("dom0").run("kill -INT $(pidof stakeout-xen) && sleep 3; kill -KILL $(pidof stakeout-xen)")


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

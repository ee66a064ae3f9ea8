"""The Debian package and the bare binary, on a system that has nothing else: a chroot made by debootstrap.

    ./dev test package
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

TREE = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TREE / "tests" / "harness"), str(TREE / "tests" / "kernel")]


class Chroot:
    """A bare Debian 12, with this machine's /proc, /sys and /dev while it is used."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._mounted: list[Path] = []

    def __enter__(self) -> "Chroot":
        for name, arguments in (("proc", ["-t", "proc", "proc"]), ("sys", ["--rbind", "/sys"]), ("dev", ["--rbind", "/dev"])):
            place = self.root / name
            place.mkdir(exist_ok=True)
            subprocess.run(["mount", *arguments, str(place)], check=True)
            self._mounted.append(place)
            # What is unmounted here must not be unmounted outside.
            subprocess.run(["mount", "--make-rslave", str(place)], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        for place in reversed(self._mounted):
            subprocess.run(["umount", "-R", "-l", str(place)], check=True)

    def run(self, *command: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(["chroot", str(self.root), *command], capture_output=True, text=True, check=False,
                              timeout=timeout, env=environment, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="session")
def chroot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroot]:
    if os.geteuid() != 0:
        pytest.skip("a chroot needs root")
    root = tmp_path_factory.mktemp("debian") / "root"
    subprocess.run(["debootstrap", "--variant=minbase", "bookworm", str(root)], check=True, capture_output=True,
                   timeout=900)
    with Chroot(root) as made:
        yield made
    subprocess.run(["rm", "-rf", "--one-file-system", str(root)], check=True)


@pytest.fixture(scope="session")
def packages() -> list[Path]:
    built = sorted((TREE / "build" / "package").glob("*.deb"))
    assert built, "./dev package has built none"
    return built

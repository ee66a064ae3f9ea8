"""Detached watches from tests, in a run folder of their own, and never left behind.

    with Keepers() as keepers:
        name = keepers.start("--symbol", "jiffies_64", name="jiffies")
        keepers.status(name)["hits"]
        keepers.command("remove", name)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from stakeout_run import BINARY, BOUND, PATIENCE, die_with_parent, wait_until


def is_alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


class Keepers:
    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="stakeout-run-")
        self.run_folder = Path(self._folder.name) / "run"
        self.environment = {**os.environ, "STAKEOUT_RUN": str(self.run_folder)}
        self.pids: set[int] = set()

    def __enter__(self) -> "Keepers":
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.pids:
            if is_alive(pid) and "stakeout" in Path(f"/proc/{pid}/comm").read_text():
                os.kill(pid, signal.SIGKILL)
        self._folder.cleanup()

    def command(self, *args: str, timeout: float = BOUND) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=timeout * PATIENCE, check=False,
                              stdin=subprocess.DEVNULL, env=self.environment, preexec_fn=die_with_parent)

    def start(self, *args: str, name: str = "") -> str:
        """`stakeout watch --detach`: the name that it printed. Its process is remembered."""
        named = ["--name", name] if name else []
        started = self.command("watch", "--detach", *named, *args)
        assert started.returncode == 0, started.stderr
        printed = started.stdout.strip()
        assert printed and (not name or printed == name), started
        self.pids.add(self.status(printed)["pid"])
        return printed

    def status(self, name: str) -> dict[str, Any]:
        shown = self.command("show", name, "-o", "json")
        assert shown.returncode == 0, shown.stderr
        return json.loads(shown.stdout)

    def list(self) -> dict[str, Any]:
        listed = self.command("list", "-o", "json")
        assert listed.returncode == 0, listed.stderr
        return json.loads(listed.stdout)

    def names(self) -> list[str]:
        return [watch["name"] for watch in self.list()["watches"]]

    def wait_gone(self, pid: int) -> None:
        wait_until(lambda: not is_alive(pid), f"process {pid} has ended")

    def files(self) -> list[str]:
        return sorted(path.name for path in self.run_folder.iterdir()) if self.run_folder.exists() else []

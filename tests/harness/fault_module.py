"""The stakeout_fault module (tests/faults/stakeout_fault) from Python."""

from __future__ import annotations

import subprocess
from pathlib import Path

from stakeout_run import wait_until

_PROC = Path("/proc/stakeout_fault")


class Fault:
    """Commands are explained in the module's main.c. Accesses are made by the calling thread, and done on return."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, btf: bool = True) -> None:
        name = "stakeout_fault.ko" if btf else "stakeout_fault-nobtf.ko"
        subprocess.run(["insmod", str(self._folder / name)], check=True)

    def unload(self) -> None:
        subprocess.run(["rmmod", "stakeout_fault"], check=True)

    def do(self, command: str, count: int = 1, cpu: int = 0) -> None:
        _PROC.write_text(f"{command} {count} {cpu}")

    def _fields(self) -> dict[str, str]:
        return dict(line.split() for line in _PROC.read_text().splitlines())

    def done(self, command: str) -> int:
        """How many accesses that command has made since the module was loaded."""
        return int(self._fields()[command])

    def address(self, variable: str) -> int:
        return int(self._fields()["&" + variable], 16)

    def spin(self, milliseconds: int, cpu: int) -> None:
        """Starts the tight writer; it ends by itself."""
        self.do("spin", milliseconds, cpu)

    def stop_spinning(self) -> int:
        """Ends the tight writer; how many writes it has made."""
        self.do("stop")
        return self.done("spin")

    def wait_spun(self) -> int:
        """Waits for the tight writer's own end; how many writes it has made."""
        wait_until(lambda: self._fields()["spinning"] == "0", "the tight writer ends")
        return self.stop_spinning()

"""QEMU or Bochs with a whole machine in it, surely ended; what it says is kept in a log."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1]
WORK = TREE / "build" / "xen"
MEDIA = WORK / "media"

# For every kernel's command line: without self-tests of the ciphers, which take seconds under emulation. dom0 gets
# rodata=off too, for the search for writable text afterwards takes as long; the guests keep what production has.
QUICK = "cryptomgr.notests"

sys.path.insert(0, str(TREE / "tests" / "guest"))

import qemu  # noqa: E402


# Multiplies all bounds, as in tests/harness: they are reached only by a defect, or where others keep the CPUs busy.
PATIENCE = float(os.environ.get("STAKEOUT_PATIENCE", "1"))


class Died(Exception):
    """The machine ended, or never did what was waited for. The message names the log and has its end."""


class Emulator(qemu.Guest):
    """A command that is started on entering the context, in a session of its own, and killed on leaving it or with us,
    however we end. Its standard output goes to `log`."""

    def __init__(self, command: list[str], log: Path) -> None:  # pylint: disable=super-init-not-called
        log.parent.mkdir(parents=True, exist_ok=True)
        self._command = command
        self._log_path = log
        self._log = None
        self._qemu = None

    @property
    def log(self) -> Path:
        return self._log_path

    @property
    def pid(self) -> int:
        assert self._qemu
        return self._qemu.pid

    def ended(self) -> bool:
        return self._qemu is None or self._qemu.poll() is not None

    def cpu_seconds(self) -> float:
        """What the emulator has used so far: how far it can have come, however busy the machine is."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def died(self, what: str, log: Path | None = None) -> Died:
        """The exception to raise."""
        path = log or self._log_path
        end = path.read_text(errors="replace").splitlines()[-25:] if path.exists() else []
        return Died("\n".join([f"{what}; the end of {path}:", *end]))

"""A Debian guest under QEMU: one object, one machine, surely ended."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Callable

TREE = Path(__file__).resolve().parents[2]  # the guests see it at its own path
GUEST_DIED = -1  # QEMU ended without the guest having said how it went
TIMED_OUT = -2

_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """In the child: SIGKILL when the parent ends, however it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(frozen=True)
class Kernel:
    """What kernels.sh and initrd.sh left in one folder."""

    folder: Path

    @property
    def release(self) -> str:
        return (self.folder / "release").read_text().strip()

    @property
    def image(self) -> Path:
        return self.folder / "root" / "boot" / f"vmlinuz-{self.release}"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd"

    @property
    def modules(self) -> Path:
        return self.folder / "modules"


def command(kernel: Kernel, share: Path, memory_mb: int = 2048) -> list[str]:
    """QEMU's command line.

    TCG and never KVM: the same on every machine. Both CPUs run in one host thread (thread=single): QEMU 7.2 with a
    thread a CPU now and then executes a breakpoint instruction that another CPU has already patched out of the text,
    and the kernel panics ("Oops: int3"). Every perf event that comes or goes patches a branch of the scheduler: a sixth
    of our runs died of it, and toggling kernel.sched_schedstats kills such a guest in seconds. It costs no time here:
    two CPUs of a small host are shared between the guest, its disk and whatever else runs anyway.
    """
    shared = "local,security_model=none"
    return [
        "qemu-system-x86_64",
        *("-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2", "-m", str(memory_mb)),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"),
        *("-kernel", str(kernel.image), "-initrd", str(kernel.initrd)),
        *("-append", f"console=ttyS0 quiet panic=-1 oops=panic share={share} tree={TREE}"),
        *("-fsdev", f"{shared},id=root,path=/,readonly=on,multidevs=remap"),
        *("-device", "virtio-9p-pci,fsdev=root,mount_tag=hostroot"),
        *("-fsdev", f"{shared},id=share,path={share}"),
        *("-device", "virtio-9p-pci,fsdev=share,mount_tag=share"),
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"),
    ]


class Guest:
    """Runs `share`/script in a guest. Use as a context manager: leaving it ends QEMU."""

    def __init__(self, kernel: Kernel, share: Path, serial_log: Path) -> None:
        self._command = command(kernel, share)
        self._log_path = serial_log
        self._log: BinaryIO | None = None
        self._qemu: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Guest":
        self._log = self._log_path.open("wb")
        # A session of its own: Ctrl-C reaches run.py alone, which then ends QEMU in order.
        self._qemu = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=_die_with_parent,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._qemu and self._qemu.poll() is None:
            self._qemu.kill()
            self._qemu.wait()
        if self._log:
            self._log.close()

    def wait(self, timeout: float, on_line: Callable[[str], None]) -> int:
        """Waits for the end, giving each serial line to on_line. The script's exit status, GUEST_DIED or TIMED_OUT."""
        assert self._qemu
        deadline = time.monotonic() + timeout
        with self._log_path.open("rb") as serial:
            pending = b""
            while True:
                ended = self._qemu.poll() is not None  # asked before reading, so that nothing is missed
                pending += serial.read()
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    on_line(line.decode(errors="replace").rstrip("\r"))
                if ended:
                    break
                if time.monotonic() > deadline:
                    return TIMED_OUT
                time.sleep(0.1)
        code = self._qemu.returncode
        return (code - 1) // 2 if code > 0 and code % 2 else GUEST_DIED

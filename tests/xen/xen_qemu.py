"""Xen with dom0 under QEMU. The tests run on this machine, and send dom0 shell commands.

    with Dom0() as dom0:
        assert dom0.run("xl list").stdout
        watch = dom0.start("exec stakeout-xen watch --domain web1 ...")   # goes on while others run
        watch.wait_output("armed")
        watch.kill(signal.SIGKILL)

Left in FOLDER (default build/xen/qemu): serial.log, what Xen and dom0's kernel said; share/, the folder that dom0 sees
as /share, with the consoles of the guests in share/console.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from agent import Agent, Command, Completed
from emulator import MEDIA, PATIENCE, QUICK, WORK, Died, Emulator

import binaries

GUEST_MEDIA = ("vmlinux", "guest.initrd", "tiny.elf")
CPU_SECONDS_TO_BOOT = 120  # 10 to 30 were seen
PORTS = 4  # agents: one for the tests, the others for lab.py, of which several may run at once

__all__ = ["Dom0", "Command", "Completed", "Died"]


def command(folder: Path, memory_mb: int) -> list[str]:
    """QEMU's command line.

    rdtscp off, smap off and spec-ctrl=eager-fpu: without them dom0's programs crash at random under TCG. svm: PVH guests
    need it.

    Both CPUs run in one host thread (thread=single), as in qemu.py, and here for speed too: when the host's CPUs are
    busy, a CPU with a thread of its own spins for its whole time slice on a lock that another, which is not running,
    holds. On a two-core host with other work to do a guest was ready after 145 s with two threads, after 17 s with one.
    The kernel is given unpacked, which saves 4 s, and QUICK saves 4 more.
    """
    xen = ("console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all spec-ctrl=eager-fpu noreboot"
           " dom0_mem=1024M,max:1024M dom0_max_vcpus=2")
    linux = f"{MEDIA}/vmlinux console=hvc0 earlyprintk=xen loglevel=5 {QUICK} rodata=off"
    ports = []
    for number in range(PORTS):
        ports += ["-chardev", f"socket,id=agent{number},path={folder}/agent{number},server=on,wait=off",
                   "-device", f"virtserialport,chardev=agent{number},nr={number + 1}"]
    return [
        "qemu-system-x86_64",
        *("-accel", "tcg,thread=single", "-cpu", "max,+svm,-smap,-rdtscp", "-smp", "2", "-m", str(memory_mb)),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"),
        *("-kernel", f"{MEDIA}/xen", "-append", xen, "-initrd", f"{linux},{MEDIA}/dom0.initrd"),
        *("-fsdev", f"local,security_model=none,id=share,path={folder}/share"),
        *("-device", "virtio-9p-pci,fsdev=share,mount_tag=share"),
        *("-device", "virtio-serial-pci"), *ports,
    ]


class Shell:
    """What can be asked of a dom0 that is up, by whoever has a connection to one of its agents."""

    def __init__(self, share: Path) -> None:
        self.share = share
        self._agent: Agent | None = None

    @property
    def agent(self) -> Agent:
        assert self._agent, "dom0 is not up"
        return self._agent

    def run(self, text: str, timeout: float = 120, check: bool = False) -> Completed:
        """A shell command in dom0, to its end."""
        return self.agent.run(text, timeout, check)

    def start(self, text: str) -> Command:
        """A shell command in dom0 that goes on. `exec ...` where the process itself is to get the signals."""
        return self.agent.start(text)

    def install(self, *files: Path) -> None:
        """Puts binaries of this machine, with the libraries that dom0 lacks, where dom0's shell finds them."""
        binaries.to_folder(self.share / "binaries", files)
        self.run("cd /share/binaries && cp -f bin/* /bin/ && for file in lib/*; do"
                 " [ -e /lib/x86_64-linux-gnu/${file#lib/} ] || cp $file /lib/x86_64-linux-gnu/; done", check=True)
        shutil.rmtree(self.share / "binaries")

    def keep(self, file: Path) -> str:
        """Copies a file into dom0's memory, for xl to read: in many small steps, which are slow over 9p. Its path there."""
        if file.parent != self.share:
            shutil.copy(file, self.share)
        self.run(f"cp /share/{file.name} /tmp/", check=True)
        (self.share / file.name).unlink()
        return f"/tmp/{file.name}"

    def save_symbols(self, path: Path) -> None:
        """A System.map of the kernel, which is that of the guests too: Debian's packages have none, kallsyms holds all
        symbols, data too, and no kernel that Xen starts is moved by KASLR (the code that does it is in the part of the
        bzImage that Xen's loader skips)."""
        self.run("cat /proc/kallsyms >/share/System.map", check=True)
        shutil.move(self.share / "System.map", path)


class Dom0(Emulator, Shell):
    """Boots on entering the context, ends on leaving it."""

    def __init__(self, folder: Path = WORK / "qemu", memory_mb: int = 3072) -> None:
        Emulator.__init__(self, command(folder, memory_mb), folder / "serial.log")
        Shell.__init__(self, folder / "share")
        self.folder = folder
        self.seconds_to_boot = 0.0

    def __enter__(self) -> "Dom0":
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.share / "console").mkdir(parents=True)
        started = time.monotonic()
        super().__enter__()
        try:
            self._agent = self._meet_agent(started + 900 * PATIENCE)
        except BaseException:
            self.__exit__()
            raise
        self.seconds_to_boot = time.monotonic() - started
        for name in GUEST_MEDIA:
            self.keep(MEDIA / name)
        return self

    def __exit__(self, *what: object) -> None:
        if self._agent:
            self._agent.close()
        super().__exit__(*what)

    def _meet_agent(self, deadline: float) -> Agent:
        while True:
            if self.ended():
                raise self.died("QEMU ended")
            if "Reboot in five seconds" in (said := self.log.read_text(errors="replace")) or "Panic on CPU" in said:
                raise self.died("Xen died")
            if (self.folder / "agent0").exists() and (agent := Agent.meet(self.folder / "agent0")):
                return agent
            if self.cpu_seconds() > CPU_SECONDS_TO_BOOT or time.monotonic() > deadline:
                raise self.died(f"dom0 does not answer (QEMU used {self.cpu_seconds():.0f} s of CPU)")
            time.sleep(0.1)

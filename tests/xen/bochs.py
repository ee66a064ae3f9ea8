"""Xen with dom0 in Bochs, which has VMX and EPT, and so guests whose memory can be watched through mem_access.

One run does all the checks: a shell script (dom0-checks.sh says what it may call) is put into dom0's initrd with the
binaries that it needs, the ISO is made, booted, and what the checks said is read from the serial log.

    run = bochs.run(WORK / "bochs", "check info xl info", binaries=[...])
    assert run.check("info").status == 0

Left in the folder: serial.log, bochs.log, boot.iso. Two runs of one ISO say the same, byte for byte.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable

import binaries as binaries_
from emulator import HERE, MEDIA, PATIENCE, QUICK, WORK, Died, Emulator

ROOT = WORK / "root"
LIBRARIES = f"{ROOT}/usr/lib/x86_64-linux-gnu:{ROOT}/lib/x86_64-linux-gnu"

# count=1: Bochs gains nothing from a second CPU. haswell: the newest model of Bochs 2.7 with which Xen finds EPT.
# The display is one that nobody needs to connect to; unshare (command) keeps it off the network.
BOCHSRC = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
memory: guest=1024, host=1024
cpu: model=corei7_haswell_4770, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1
romimage: file={root}/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file={root}/usr/share/bochs/VGABIOS-lgpl-latest
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={folder}/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={folder}/serial.log
log: {folder}/bochs.log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
clock: sync=none, time0=1700000000
"""

# gfxpayload: the BIOS calls that look for other video modes crash GRUB in Bochs.
GRUB = f"""\
serial --unit=0 --speed=115200
terminal_output serial
multiboot2 /boot/xen console=com1 com1=115200,8n1,0x3f8,0 loglvl=warning guest_loglvl=warning dom0_mem=448M,max:448M \
dom0_max_vcpus=1 spec-ctrl=no xpti=no ucode=no mce=off cpuidle=0 cpufreq=none watchdog=0 noreboot iommu=0
module2 /boot/vmlinux console=hvc0 mitigations=off tsc=reliable panic=5 loglevel=4 {QUICK} rodata=off
module2 /boot/initrd
set gfxpayload=text
boot
"""


@dataclass
class Check:
    status: int | None = None  # None: it did not end
    seconds: float = 0  # of the emulated machine
    lines: list[str] = field(default_factory=list)

    @property
    def stdout(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


@dataclass
class Run:
    log: Path
    seconds: float  # of this machine
    checks: dict[str, Check]

    def check(self, name: str) -> Check:
        """A check's outcome. Fails with the log's end when it was never begun."""
        if name not in self.checks:
            end = "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])
            raise Died(f"check {name} was never begun; the end of {self.log}:\n{end}")
        return self.checks[name]


def parse(text: str) -> dict[str, Check]:
    """What the checks said, from the serial log. Lines of Xen and the kernel in between are skipped."""
    checks: dict[str, Check] = {}
    begun: dict[str, float] = {}
    for line in text.replace("\r", "").split("\n"):
        if match := re.fullmatch(r"@begin (\S+) ([\d.]+)", line):
            checks[match[1]] = Check()
            begun[match[1]] = float(match[2])
        elif (match := re.fullmatch(r"@said (\S+) (.*)", line)) and match[1] in checks:
            checks[match[1]].lines.append(match[2])
        elif (match := re.fullmatch(r"@end (\S+) (\d+) ([\d.]+)", line)) and match[1] in checks:
            checks[match[1]].status = int(match[2])
            checks[match[1]].seconds = float(match[3]) - begun[match[1]]
    return checks


def make_iso(folder: Path, script: str, binaries: Iterable[Path]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    place = folder / "iso"
    (place / "boot" / "grub").mkdir(parents=True)
    for name in ("xen", "vmlinux"):
        os.link(MEDIA / name, place / "boot" / name)
    texts = {"checks.sh": f". /lib.sh\n{script}\n", "lib.sh": (HERE / "dom0-checks.sh").read_text()}
    binaries_.initrd(MEDIA / "bochs.initrd", place / "boot" / "initrd", binaries, texts)
    (place / "boot" / "grub" / "grub.cfg").write_text(GRUB)
    environment = {**os.environ, "LD_LIBRARY_PATH": LIBRARIES}
    modules = "biosdisk iso9660 normal multiboot2 serial terminal".split()
    subprocess.run([ROOT / "usr/bin/grub-mkimage", "-d", ROOT / "usr/lib/grub/i386-pc", "-O", "i386-pc-eltorito",
                    "-p", "/boot/grub", "-o", place / "boot" / "eltorito.img", *modules], env=environment, check=True)
    subprocess.run([ROOT / "usr/bin/xorriso", "-report_about", "FAILURE", "-as", "mkisofs", "-R", "-o",
                    folder / "boot.iso", "-b", "boot/eltorito.img", "-no-emul-boot", "-boot-load-size", "4",
                    "-boot-info-table", place], env=environment, check=True)
    shutil.rmtree(place)


def command(folder: Path) -> list[str]:
    """In a network of its own: Bochs's display listens on a port. Debian's Bochs starts in its debugger, which is told to
    go on."""
    library = f"{ROOT}/usr/lib/x86_64-linux-gnu"
    return ["unshare", "--net", "env", f"LD_LIBRARY_PATH={LIBRARIES}", f"LTDL_LIBRARY_PATH={library}/bochs/plugins",
            f"BXSHARE={ROOT}/usr/share/bochs", f"{ROOT}/usr/bin/bochs-bin", "-q", "-f", str(folder / "bochsrc"),
            "-rc", str(folder / "debugger")]


def run(folder: Path, script: str, binaries: Iterable[Path] = (), timeout: float = 900,
        stop: threading.Event = threading.Event()) -> Run:
    """Boots and waits for the end of the checks. What was said until the timeout counts, when there is one. Nobody waits
    longer once `stop` is set."""
    make_iso(folder, script, binaries)
    (folder / "bochsrc").write_text(BOCHSRC.format(root=ROOT, folder=folder))
    (folder / "debugger").write_text("c\n")
    serial = folder / "serial.log"
    started = time.monotonic()
    with Emulator(command(folder), folder / "bochs.out") as machine:
        while not machine.ended() and time.monotonic() - started < timeout * PATIENCE and not stop.wait(0.2):
            said = serial.read_text(errors="replace") if serial.exists() else ""
            if re.search(r"^dom0: all done|Panic on CPU|Attempted to kill init|Reboot in five", said, re.MULTILINE):
                break
    if not serial.exists():
        raise machine.died("Bochs did not start")
    return Run(serial, time.monotonic() - started, parse(serial.read_text(errors="replace")))

"""Guests of dom0, made with xl, spoken to through their console.

    with Guest(dom0, "web1", type="pv", vcpus=2) as guest:
        guest.wait_ready()
        said = guest.run("grep -w jiffies_64 /proc/kallsyms").stdout
        victim = guest.start("victim v1")         # goes on while others run
        guest.run("echo user 1000 >/tmp/v1")
        victim.wait_output("did 1000")

What is typed reaches the guest through the pty that xenconsoled made for it; what the guest answers is read from
xenconsoled's log, which lies on the share. guest-init says what travels. The kernel's own messages are in between: they
are kept in the log, and skipped here.

A PVH guest with Linux comes up under QEMU 7.2's SVM, but dies ("ENTRY_TRAMPOLINE stack guard page was hit") when it
starts programs in quick succession: a page fault in user mode finds the kernel's GS base wrong. It happens with one
thread for all CPUs and with one for each, with and without FSGSBASE; Debian's Xen has no shadow paging to try instead.
So here PVH means the guest without an operating system (tiny.py), which is steady; Linux in PVH is for Bochs.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections import defaultdict
from pathlib import Path
from typing import Callable

from agent import Completed, Failed
from emulator import PATIENCE, QUICK
from xen_qemu import Shell

ANSWER = re.compile(r"@(\d+) (.*)")


class Process:
    """A command in a guest. Standard output and standard error come as one."""

    def __init__(self, guest: "Guest", number: int, text: str) -> None:
        self._guest = guest
        self.number = number
        self.text = text

    def _said(self) -> tuple[str, int | None]:
        lines = self._guest.answers(self.number)
        if lines and (end := re.fullmatch(r"exit (\d+)", lines[-1])):
            return "".join(f"{line}\n" for line in lines[:-1]), int(end[1])
        return "".join(f"{line}\n" for line in lines), None

    @property
    def stdout(self) -> str:
        return self._said()[0]

    def poll(self) -> int | None:
        return self._said()[1]

    def wait_output(self, pattern: str, timeout: float = 120) -> re.Match[str]:
        """Waits until what it said holds the regular expression; the match."""
        return self._guest.wait_for(
            lambda: re.search(pattern, self.stdout, re.MULTILINE), timeout, f"'{self.text}' has not said '{pattern}'")

    def wait(self, timeout: float = 120) -> Completed:
        status = self._guest.wait_for(lambda: None if (s := self.poll()) is None else (s,), timeout,
                                      f"'{self.text}' has not ended")[0]
        return Completed(status, self.stdout, "")


class Guest:
    """A guest from its creation to its end. Leaving the context destroys it."""

    def __init__(self, dom0: Shell, name: str, type: str = "pv", vcpus: int = 2, memory: int = 256,
                 append: str = "", config: str = "", kernel: str = "/tmp/vmlinux",
                 initrd: str = "/tmp/guest.initrd", paused: bool = False) -> None:
        self.dom0 = dom0
        self.name = name
        self.domid = 0
        self.seconds_to_create = 0.0
        self._paused = paused
        self._log = dom0.share / "console" / f"guest-{name}.log"
        self._taken = 0
        self._lines = [""]
        self._answers: dict[int, list[str]] = defaultdict(list)
        self._tty = ""
        # Of the commands, in this log: whoever attaches to a guest must not take numbers that were used.
        self._number = int(time.time()) % 10**7 * 100
        self._text = "\n".join([
            f'name = "{name}"', f'type = "{type}"', f"vcpus = {vcpus}", f"memory = {memory}", f'kernel = "{kernel}"',
            *([f'ramdisk = "{initrd}"', f'extra = "console=hvc0 {QUICK} {append}"'] if initrd else []),
            # A guest that died is kept for a look at it.
            'on_poweroff = "destroy"', 'on_crash = "preserve"', config, "",
        ])

    def __enter__(self) -> "Guest":
        # Emptied and not removed: xenconsoled may still have it open from a guest of the same name.
        if self._log.exists():
            os.truncate(self._log, 0)
        (self.dom0.share / f"{self.name}.cfg").write_text(self._text)
        started = time.monotonic()
        pause = "-p" if self._paused else ""
        self.dom0.run(f"xl create -q {pause} /share/{self.name}.cfg", timeout=300, check=True)
        self.seconds_to_create = time.monotonic() - started
        self.look_up()
        return self

    def __exit__(self, *_: object) -> None:
        self.destroy()

    def look_up(self) -> None:
        """After creation and after a reboot: a domain's number and its terminal are new each time."""
        self.domid = int(self.dom0.run(f"xl domid {self.name}", check=True).stdout)
        tty = f"/local/domain/{self.domid}/console/tty"
        self._tty = self.dom0.run(f"xenstore-read {tty}", check=True).stdout.strip()

    def destroy(self) -> None:
        self.dom0.run(f"xl destroy {self.name} 2>/dev/null", timeout=60)

    def exists(self) -> bool:
        return self.dom0.run(f"xl domid {self.name}").status == 0

    @property
    def console(self) -> str:
        """All that it said since it was created."""
        self._read()
        return "\n".join(self._lines)

    def _read(self) -> None:
        """Takes what the log has grown by. The last element of _lines is the line that is not whole yet."""
        if not self._log.exists():
            return
        with self._log.open("rb") as log:
            log.seek(self._taken)
            more = log.read()
        self._taken += len(more)
        first, *others = more.decode(errors="replace").replace("\r", "").split("\n")
        begin = len(self._lines) - 1
        self._lines[begin] += first
        self._lines += others
        for line in self._lines[begin:-1]:
            if match := ANSWER.fullmatch(line):
                self._answers[int(match[1])].append(match[2])

    def wait_ready(self, boots: int = 1, timeout: float = 300) -> None:
        """Until its init listens; the second time with boots=2."""
        self.wait_for(lambda: self.console.count("\nguest: ready") >= boots, timeout, "is not ready")
        if boots > 1:
            self.look_up()

    def wait_for(self, condition: Callable, timeout: float, what: str):
        """Polls until the condition is true; what it returned then."""
        deadline = time.monotonic() + timeout * PATIENCE
        while not (found := condition()):
            if time.monotonic() > deadline:
                end = "\n".join(self.console.splitlines()[-25:])
                raise Failed(f"guest {self.name}: {what} within {timeout:.0f} s; the end of {self._log}:\n{end}")
            time.sleep(0.05)
        return found

    def type(self, text: str) -> None:
        """Types into the console."""
        self.dom0.run(f"printf %s {shlex.quote(text)} >{self._tty}", check=True)

    def start(self, text: str) -> Process:
        self._number += 1
        self.type(f"{self._number} {text}\n")
        return Process(self, self._number, text)

    def run(self, text: str, timeout: float = 120, check: bool = True) -> Completed:
        done = self.start(text).wait(timeout)
        if check and done.status != 0:
            raise Failed(f"guest {self.name}: {text}: ended with {done.status}\n{done.stdout}")
        return done

    def word(self, address: int, value: int | None = None) -> int:
        """A 32-bit word of a PVH guest's memory, by guest-physical address; set first, where a value is given."""
        text = f"guestmem {self.domid} {address:#x}" + (f" {value}" if value is not None else "")
        return int(self.dom0.run(text, check=True).stdout)

    def answers(self, number: int) -> list[str]:
        """What command `number` said, line by line."""
        self._read()
        return self._answers[number]

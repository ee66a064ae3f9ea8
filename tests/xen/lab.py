#!/usr/bin/env python3
"""A dom0 to work in by hand, with guests; several commands may run at once, from several terminals.

    tests/xen/lab.py start                          boots Xen and dom0, comes back when dom0 answers
    tests/xen/lab.py create web1 [pv|pvh] [VCPUS]   makes a guest, comes back when it answers
    tests/xen/lab.py put build/stakeout-xen ...     copies binaries, with the libraries they need, into dom0's /bin
    tests/xen/lab.py dom0 'xl list'                 a shell command in dom0; its output, its exit status
    tests/xen/lab.py guest web1 'victim /tmp/v1'    a shell command in the guest
    tests/xen/lab.py symbols FILE                   a System.map of the kernel of dom0 and guests
    tests/xen/lab.py destroy web1
    tests/xen/lab.py stop

Ctrl-C at `dom0` ends the command there (SIGINT to it first; a second one kills it). dom0 sees build/xen/lab/share as
/share. Logs: build/xen/lab/serial.log and share/console/. `start` needs build/xen/media: it runs media.sh first.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from agent import Agent, Failed
from emulator import HERE, WORK
from guests import Guest
from xen_qemu import PORTS, Dom0, Shell

LAB = WORK / "lab"
STATE = WORK / "lab.state"  # "PID booting", "PID ready ..." or "PID failed: ..."; outside LAB, which each start empties


class Busy(Exception):
    """No agent is free."""


class Client(Shell):
    """One command's connection. The tests' own agent, the first, is left alone."""

    def __init__(self) -> None:
        super().__init__(LAB / "share")
        self._lock: IO[str] | None = None

    def __enter__(self) -> "Client":
        for number in range(1, PORTS):
            lock = (LAB / f"agent{number}.lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            self._lock = lock
            self._agent = Agent.meet(LAB / f"agent{number}", patience=20)
            if self._agent:
                return self
        raise Busy("dom0 does not answer, or all its agents are in use; is it up? (lab.py start)")

    def __exit__(self, *_: object) -> None:
        if self._agent:
            self._agent.close()
        if self._lock:
            self._lock.close()


def state() -> tuple[int, str]:
    """The daemon's pid, 0 when there is none, and what it says."""
    try:
        pid, _, said = STATE.read_text().partition(" ")
        os.kill(int(pid), 0)
        return int(pid), said
    except (OSError, ValueError):
        return 0, "is not up"


def daemon() -> None:
    """Holds dom0 until it is told to end. QEMU dies with it."""

    def say(text: str) -> None:
        STATE.with_suffix(".new").write_text(f"{os.getpid()} {text}")
        STATE.with_suffix(".new").rename(STATE)

    def end(*_: object) -> None:
        raise SystemExit(0)

    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    say("booting")
    try:
        with Dom0(LAB) as dom0:
            say(f"ready after {dom0.seconds_to_boot:.0f} s")
            while not dom0.ended():
                time.sleep(0.5)
    except Exception as problem:  # pylint: disable=broad-except
        say(f"failed: {problem}")
        time.sleep(5)  # for start to read it
    finally:
        STATE.unlink(missing_ok=True)


def start() -> int:
    if state()[0]:
        print(f"dom0 {state()[1]}")
        return 0
    subprocess.run([HERE / "media.sh", WORK], check=True)
    STATE.unlink(missing_ok=True)
    if not os.fork():
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        try:
            daemon()
        finally:
            os._exit(0)
    while True:
        time.sleep(0.3)
        pid, said = state()
        if said.startswith(("ready", "failed")):
            print(f"dom0 {said}")
            return 0 if said.startswith("ready") else 1
        if not pid and STATE.exists():
            print("dom0 is not up")
            return 1


def stop() -> int:
    pid, _ = state()
    if not pid:
        return 0
    os.kill(pid, signal.SIGTERM)
    while state()[0]:
        time.sleep(0.1)
    return 0


def dom0_command(text: str) -> int:
    with Client() as client:
        command = client.start(text)
        shown = [0, 0]
        impatient = False

        def show() -> None:
            for index, (said, stream) in enumerate(((command.stdout, sys.stdout), (command.stderr, sys.stderr))):
                stream.write(said[shown[index]:])
                stream.flush()
                shown[index] = len(said)

        while True:
            try:
                ended = command.poll() is not None or client.agent.lost
                show()
                if ended:
                    return command.status if command.status is not None else 1
                time.sleep(0.05)
            except KeyboardInterrupt:
                command.kill(signal.SIGKILL if impatient else signal.SIGINT)
                impatient = True


def create(name: str, kind: str = "pv", vcpus: str = "") -> int:
    with Client() as client:
        guest = Guest(client, name, type=kind, vcpus=int(vcpus or (2 if kind == "pv" else 1)))
        started = time.monotonic()
        guest.__enter__()  # and never left: it stays
        guest.wait_ready()
        print(f"{name} is domain {guest.domid}, ready after {time.monotonic() - started:.0f} s")
    return 0


def guest_command(name: str, text: str) -> int:
    with Client() as client:
        guest = Guest(client, name)
        guest.look_up()
        process = guest.start(text)
        shown = 0
        while True:
            status = process.poll()
            said = process.stdout
            print(said[shown:], end="", flush=True)
            shown = len(said)
            if status is not None:
                return status
            time.sleep(0.1)


def destroy(name: str) -> int:
    with Client() as client:
        Guest(client, name).destroy()
    return 0


def put(*files: str) -> int:
    with Client() as client:
        client.install(*(Path(file) for file in files))
    return 0


def symbols(file: str) -> int:
    with Client() as client:
        client.save_symbols(Path(file))
    return 0


def main() -> int:
    actions = {"start": start, "stop": stop, "dom0": dom0_command, "create": create, "guest": guest_command,
               "destroy": destroy, "put": put, "symbols": symbols}
    if len(sys.argv) < 2 or sys.argv[1] not in actions:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return actions[sys.argv[1]](*sys.argv[2:])
    except (Busy, Failed) as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 1
    except TypeError as problem:
        print(f"lab: {problem}\n{__doc__}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

"""The program that the tests watch (tests/programs/actor.c), and others that talk like it.

They print their pid and addresses, then "ready", then wait for commands; each is answered with the number of accesses
that were really made.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import IO

import stakeout_run

PROGRAMS = Path(stakeout_run.BINARY).parent / "tests" / "programs"
if not PROGRAMS.is_dir():  # $STAKEOUT points elsewhere
    PROGRAMS = Path(__file__).resolve().parents[2] / "build" / "tests" / "programs"


def program(name: str) -> str:
    return str(PROGRAMS / name)


class Actor:
    """A context manager: the program runs inside it, and is killed at its end."""

    def __init__(self, name: str = "actor", *args: str) -> None:
        self.argv = [program(name), *args]
        self.facts: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Actor":
        self._process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                         preexec_fn=stakeout_run.die_with_parent)
        self.read_greeting()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process
        self._process.kill()
        self._process.communicate()

    def _stream(self, which: str) -> IO[str]:
        stream = getattr(self._process, which)
        assert stream is not None
        return stream  # type: ignore[no-any-return]

    def read_greeting(self) -> None:
        while (line := self._stream("stdout").readline().strip()) != "ready":
            assert line, f"{self.argv[0]} ended without a greeting"
            name, _, value = line.partition(" ")
            self.facts[name] = value

    @property
    def pid(self) -> int:
        return int(self.facts["pid"])

    def address(self, name: str = "watched", offset: int = 0) -> int:
        return int(self.facts[name], 16) + offset

    def say(self, command: str) -> None:
        self._stream("stdin").write(command + "\n")
        self._stream("stdin").flush()

    def do(self, command: str) -> int:
        """Executes a command; the number that it answers with."""
        self.say(command)
        answer = self._stream("stdout").readline().split()
        assert len(answer) == 2 and answer[0] == "did", (command, answer)
        return int(answer[1])

    def sigtraps(self) -> int:
        """Accesses whose debug exception came to the program as a signal: the hypervisor lost it, not the watch."""
        return self.do("sigtraps")

    def wait_end(self) -> int:
        assert self._process
        return self._process.wait(stakeout_run.BOUND)

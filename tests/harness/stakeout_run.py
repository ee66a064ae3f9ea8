"""Starts stakeout from tests, and never leaves it behind.

    with Watch("--symbol", "jiffies_64", "--rw", "--count", "20") as watch:
        watch.wait_armed()
        ...                      # trigger
        hits = watch.wait_hits(20)
        assert watch.wait_exit() == 0

Every wait is for a condition, bounded, and fails with what stakeout said so far. The binary is $STAKEOUT, else
build/stakeout in this tree. STAKEOUT_PATIENCE multiplies all bounds (slow emulators, sanitizers).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Callable, IO, Iterable

Record = dict[str, Any]

BINARY = os.environ.get("STAKEOUT", str(Path(__file__).resolve().parents[2] / "build" / "stakeout"))
PATIENCE = float(os.environ.get("STAKEOUT_PATIENCE", "1"))
BOUND = 60.0  # seconds; reached only by a defect

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class WatchFailure(AssertionError):
    """A condition was not met; the message holds what stakeout said."""


def die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], what: str, timeout: float = BOUND) -> None:
    """Polls something outside stakeout (a file in /proc, say). Fails with `what` when it does not come true."""
    deadline = time.monotonic() + timeout * PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise WatchFailure(f"{what}: not within {timeout * PATIENCE:.0f} s")
        time.sleep(0.02)


def run(*args: str, timeout: float = BOUND) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself: doctor, slots, a watch that is refused."""
    return subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=timeout * PATIENCE,
                          stdin=subprocess.DEVNULL, preexec_fn=die_with_parent, check=False)


class Watch:
    """One `stakeout watch ... -o json`. `command` is a program to start under it, given after `--`."""

    def __init__(self, *args: str, command: Iterable[str] = (), json_output: bool = True) -> None:
        tail = list(command)
        output = ["-o", "json"] if json_output else []
        self.argv = [BINARY, "watch", *args, *output, *(["--", *tail] if tail else [])]
        self.records: list[Record] = []
        self.lines: list[str] = []  # stdout that is no JSON: all of it with json_output=False, else a defect
        self._stderr: list[str] = []
        self._changed = threading.Condition()
        self._open_streams = 0
        self._readers: list[threading.Thread] = []
        self._process: subprocess.Popen[str] | None = None

    # ---- life ----

    def __enter__(self) -> "Watch":
        # A session of its own, so that a program started after `--` can be ended with it.
        self._process = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, preexec_fn=die_with_parent,
        )
        for stream, take in ((self._process.stdout, self._take_line), (self._process.stderr, self._stderr.append)):
            assert stream
            self._open_streams += 1
            reader = threading.Thread(target=self._read, args=(stream, take), daemon=True)
            self._readers.append(reader)
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)  # nobody may be left; no error when all have ended
        except ProcessLookupError:
            pass
        self._process.wait()
        for reader in self._readers:
            reader.join(timeout=5)

    def _read(self, stream: IO[str], take: Callable[[str], None]) -> None:
        for line in stream:
            with self._changed:
                take(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._open_streams -= 1
            self._changed.notify_all()

    def _take_line(self, line: str) -> None:
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            self.records.append(record)
        else:
            self.lines.append(line)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def send(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)

    def pause(self) -> None:
        """SIGSTOP, and waits until it has stopped."""
        self.send(signal.SIGSTOP)
        wait_until(lambda: " T " in Path(f"/proc/{self.pid}/stat").read_text(), "stakeout stops on SIGSTOP")

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and waits until it has ended."""
        self.send(signal.SIGKILL)
        assert self._process
        self._process.wait(BOUND * PATIENCE)

    def wait_exit(self, timeout: float = BOUND) -> int:
        """Waits for the end and for all output; the exit status."""
        assert self._process
        try:
            code = self._process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise WatchFailure(self.story(f"has not ended within {timeout * PATIENCE:.0f} s")) from None
        for reader in self._readers:
            reader.join(timeout=10 * PATIENCE)
        return code

    def stop(self, timeout: float = BOUND) -> int:
        """Ends the watch as Ctrl-C does; the exit status."""
        self.send(signal.SIGINT)
        return self.wait_exit(timeout)

    # ---- what it said ----

    @property
    def stderr(self) -> str:
        return "\n".join(self._stderr)

    def of_type(self, name: str) -> list[Record]:
        with self._changed:
            return [record for record in self.records if record.get("type") == name]

    def hits(self) -> list[Record]:
        return self.of_type("hit")

    @property
    def armed(self) -> Record:
        return self._only("armed")

    @property
    def summary(self) -> Record:
        return self._only("summary")

    def _only(self, name: str) -> Record:
        found = self.of_type(name)
        if len(found) != 1:
            raise WatchFailure(self.story(f"{len(found)} `{name}` records where one is expected"))
        return found[0]

    # ---- waiting ----

    def wait_for(self, condition: Callable[[], bool], what: str, timeout: float = BOUND) -> None:
        """Waits until a condition on the records holds. Fails early when stakeout has ended and can say no more."""
        deadline = time.monotonic() + timeout * PATIENCE
        with self._changed:
            while not condition():
                if self._open_streams == 0:
                    raise WatchFailure(self.story(f"ended before: {what}"))
                left = deadline - time.monotonic()
                if left <= 0:
                    raise WatchFailure(self.story(f"not within {timeout * PATIENCE:.0f} s: {what}"))
                self._changed.wait(left)

    def wait_armed(self, timeout: float = BOUND) -> Record:
        return self.wait_records("armed", 1, timeout)[0]

    def wait_hits(self, number: int, timeout: float = BOUND) -> list[Record]:
        return self.wait_records("hit", number, timeout)

    def wait_records(self, name: str, number: int = 1, timeout: float = BOUND) -> list[Record]:
        def enough() -> bool:
            return sum(record.get("type") == name for record in self.records) >= number

        self.wait_for(enough, f"{number} `{name}` record(s)", timeout)
        return self.of_type(name)

    def story(self, headline: str) -> str:
        code = self._process.poll() if self._process else None
        counts = {name: sum(r.get("type") == name for r in self.records)
                  for name in sorted({str(r.get("type")) for r in self.records})}
        state = "running" if code is None else f"exit status {code}"
        last = "\n".join(json.dumps(record)[:400] for record in self.records[-5:])
        return "\n".join([f"stakeout: {headline}", " ".join(self.argv), f"{state}; records: {counts}",
                          f"last records:\n{last}", f"other output:\n{chr(10).join(self.lines[-10:])}",
                          f"stderr:\n{self.stderr[-4000:]}"])

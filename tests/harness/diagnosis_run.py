"""Starts `stakeout diagnose ... -o json` from tests, and never leaves it behind."""

from __future__ import annotations

import signal
import subprocess
import threading
from typing import Any

from stakeout_run import BINARY, BOUND, PATIENCE, WatchFailure, die_with_parent, wait_until


class DiagnosisRun:
    def __init__(self, *arguments: str) -> None:
        self._argv = [BINARY, "diagnose", *arguments, "-o", "json"]
        self._said: list[str] = []
        self._process: Any = None

    def __enter__(self) -> "DiagnosisRun":
        self._process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(timeout=5)

    def _listen(self) -> None:
        for line in self._process.stderr:
            self._said.append(line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stderr(self) -> str:
        return "".join(self._said)

    def wait_armed(self) -> None:
        """Until the watch is armed, or whatever the recipe does instead has begun."""
        def begun() -> bool:
            if self._process.poll() is not None:
                raise WatchFailure(f"{' '.join(self._argv)}: ended before it was armed:\n{self.stderr}")
            return "armed for" in self.stderr or "observing" in self.stderr

        wait_until(begun, f"{' '.join(self._argv)} is armed")

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def interrupt(self) -> None:
        self.send(signal.SIGINT)

    def wait_output(self, timeout: float = 2 * BOUND) -> str:
        """Waits for the end; what was printed."""
        killer = threading.Timer(timeout * PATIENCE, self._process.kill)
        killer.start()
        try:
            output = self._process.stdout.read()
            self._process.wait()
        finally:
            killer.cancel()
        if self._process.returncode != 0:
            raise WatchFailure(f"{' '.join(self._argv)}: exit status {self._process.returncode}:\n{self.stderr}")
        return output

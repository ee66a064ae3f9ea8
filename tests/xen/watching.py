"""stakeout-xen in dom0, as tests run it."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import dataclass, field
from typing import Callable

from xen_qemu import Dom0


@dataclass
class Said:
    """What one watch has printed."""

    status: int
    stderr: str
    records: list[dict] = field(default_factory=list)

    def of(self, kind: str) -> list[dict]:
        return [record for record in self.records if record["type"] == kind]

    @property
    def hits(self) -> list[dict]:
        return self.of("hit")

    @property
    def summary(self) -> dict:
        (summary,) = self.of("summary")
        return summary


def records_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]


class XenWatch:
    """A watch that runs in dom0 until it ends by itself, stop() or kill()."""

    def __init__(self, dom0: Dom0, *arguments: str) -> None:
        self._process = dom0.start("exec stakeout-xen watch -o json " + " ".join(arguments))

    def wait_armed(self) -> dict:
        self._wait(lambda: bool(self.records()), "armed")
        return self.records()[0]

    def records(self) -> list[dict]:
        return records_of(self._process.stdout)

    def wait_hits(self, number: int) -> None:
        self._wait(lambda: self._process.stdout.count('"type":"hit"') >= number, f"{number} hits")

    def wait_for_record(self, kind: str) -> None:
        self.wait_for_text(f'"type":"{kind}"')

    def wait_for_text(self, text: str) -> None:
        self._wait(lambda: text in self._process.stdout, text)

    def _wait(self, condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            alive = self._process.poll() is None
            assert alive and time.monotonic() < deadline, f"not {what}: {self._process.stdout[-2000:]} {self._process.stderr}"
            time.sleep(0.1)

    def stop(self) -> Said:
        self._process.kill(signal.SIGINT)
        return self.wait()

    def kill(self) -> None:
        self._process.kill(signal.SIGKILL)
        self._process.wait()

    def wait(self) -> Said:
        ended = self._process.wait()
        return Said(ended.status, ended.stderr, records_of(ended.stdout))

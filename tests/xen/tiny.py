"""programs/tiny in dom0 under QEMU: a guest without an operating system that makes an exact number of accesses."""

from __future__ import annotations

from dataclasses import dataclass

from guests import Guest
from xen_qemu import Shell

GO, COUNTS = 0x204000, 0x204004  # tiny.S has the whole map

WRITTEN, ADDED_TO, READ, EXECUTED, BUSY_WATCHED = 0x200010, 0x200FF8, 0x201024, 0x202000, 0x203800


@dataclass(frozen=True)
class Counts:
    rounds: int
    writes: int
    reads: int
    execs: int
    watched: int
    busy: int


class Tiny(Guest):
    """Created paused. A round begins with unpause(), each further one with go()."""

    def __init__(self, dom0: Shell, name: str = "tiny") -> None:
        super().__init__(dom0, name, type="pvh", vcpus=1, memory=16, kernel="/tmp/tiny.elf", initrd="", paused=True)

    def unpause(self) -> None:
        self.dom0.run(f"xl unpause {self.name}", check=True)

    def go(self, rounds: int) -> None:
        """Until so many rounds have been made in all."""
        self.word(GO, rounds)

    def counts(self) -> Counts:
        return Counts(*(self.word(COUNTS + 4 * number) for number in range(6)))

    def wait_rounds(self, rounds: int, timeout: float = 120) -> Counts:
        self.wait_for(lambda: self.word(COUNTS) >= rounds, timeout, f"has not made {rounds} rounds")
        return self.counts()

"""programs/victim.c in a guest."""

from __future__ import annotations

import itertools
import re

from guests import Guest

_NUMBERS = itertools.count(1)


class Victim:
    """Runs from its creation until quit() or the guest's end.

    `user` and `mapped` are the guest-linear addresses of its two variables, `user_pfn` and `mapped_pfn` the guest's frames
    in which they lie, `offset` where in the frame; direct_map() is the kernel's own address of a frame's variable.
    """

    def __init__(self, guest: Guest) -> None:
        self.fifo = f"/tmp/victim{next(_NUMBERS)}"
        self._guest = guest
        self.process = guest.start(f"exec victim {self.fifo}")
        said = self.process.wait_output(
            r"pid (\d+)\nuser (\S+) pfn (\S+) offset (\S+)\nmapped (\S+) pfn (\S+) offset \S+\nready")
        self.pid = int(said[1])
        self.user, self.user_pfn, self.offset, self.mapped, self.mapped_pfn = (int(said[n], 16) for n in range(2, 7))

    def direct_map(self, pfn: int) -> int:
        """Where the guest's kernel has the frame's variable: no KASLR under Xen."""
        return 0xFFFF888000000000 + (pfn << 12) + self.offset

    def tell(self, line: str, timeout: float = 120) -> str:
        """A command; its answer."""
        before = self.process.stdout.count("\n")
        self._guest.run(f"echo {line} >{self.fifo}")
        said = self._guest.wait_for(lambda: (lines := self.process.stdout.splitlines())[before:] and lines, timeout,
                                    f"the victim does not answer '{line}'")
        return said[before]

    def did(self, line: str, timeout: float = 120) -> int:
        """A command that touches memory; the number of accesses that it made, by its own count."""
        answer = self.tell(line, timeout)
        match = re.match(r"did (\d+) ", answer)
        assert match, answer
        return int(match[1])

    def quit(self) -> None:
        self._guest.run(f"echo quit >{self.fifo}")
        self.process.wait()

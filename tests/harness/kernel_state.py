"""The kernel's own view, without stakeout's help: debug-register slots and BPF programs."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_SYS_PERF_EVENT_OPEN, _SYS_BPF = 298, 321  # x86-64
_BPF_PROG_GET_NEXT_ID, _BPF_MAP_GET_NEXT_ID = 11, 12
_PERF_TYPE_BREAKPOINT = 5
_BREAKPOINT_W = 2
_EXCLUDE_KERNEL_AND_HV = 1 << 5 | 1 << 6  # bits of perf_event_attr's flag word
SLOTS = 4  # debug registers of an x86 CPU


def open_breakpoint(cpu: int, address: int = 0x1000) -> int:
    """A breakpoint event on one CPU, for all its tasks. The default address is in the page that nobody can map."""
    attribute = struct.pack("<IIQQQQQIIQQ", _PERF_TYPE_BREAKPOINT, 112, 0, 1, 0, 0, _EXCLUDE_KERNEL_AND_HV, 0,
                            _BREAKPOINT_W, address, 8).ljust(112, b"\0")
    fd = _LIBC.syscall(_SYS_PERF_EVENT_OPEN, attribute, -1, cpu, -1, 8)  # 8: PERF_FLAG_FD_CLOEXEC
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return fd


class HeldSlots:
    """Takes `number` slots of a CPU (all that are free by default); a context manager that gives them back."""

    def __init__(self, cpu: int, number: int = SLOTS) -> None:
        self.cpu, self.number, self.fds = cpu, number, list[int]()

    def __enter__(self) -> "HeldSlots":
        while len(self.fds) < self.number:
            try:
                self.fds.append(open_breakpoint(self.cpu))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                break
        return self

    def __exit__(self, *_: object) -> None:
        while self.fds:
            os.close(self.fds.pop())


def free_slots(cpu: int) -> int:
    with HeldSlots(cpu) as held:
        return len(held.fds)


def online_cpus() -> list[int]:
    cpus: list[int] = []
    for part in Path("/sys/devices/system/cpu/online").read_text().strip().split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def all_slots_free() -> bool:
    return all(free_slots(cpu) == SLOTS for cpu in online_cpus())


def bpf_program_ids() -> set[int]:
    """Every BPF program in the kernel, whoever loaded it."""
    return _bpf_ids(_BPF_PROG_GET_NEXT_ID)


def bpf_map_ids() -> set[int]:
    """Every BPF map in the kernel, whoever made it."""
    return _bpf_ids(_BPF_MAP_GET_NEXT_ID)


def _bpf_ids(command: int) -> set[int]:
    found: set[int] = set()
    attribute = ctypes.create_string_buffer(128)
    start = 0
    while True:
        struct.pack_into("<III", attribute, 0, start, 0, 0)
        if _LIBC.syscall(_SYS_BPF, command, attribute, len(attribute)) < 0:
            return found
        start = struct.unpack_from("<I", attribute, 4)[0]
        found.add(start)

"""What can be watched, and what a hit tells, on Debian's kernels.

Counts are exact within what QEMU's TCG counts rightly: plain stores with a write watch, one slot a CPU. Read-write
watches with locked instructions, several slots at once and REP forms are proven in tests/kernel, on real debug
registers; a case here that uses them says what it leaves out.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from fault_module import Fault
from stakeout_run import Record, Watch

STATE = "stakeout_fault:fault_state"
SYS_SET_TID_ADDRESS = 218  # x86-64


def functions(hit: Record) -> list[str]:
    return [frame["symbol"] for frame in hit["kernel_stack"]]


def target(watch: Watch) -> Record:
    return watch.armed["targets"][0]


def values(hits: list[Record], key: str) -> list[int]:
    return [int(hit[key], 16) for hit in hits]


def ended_whole(watch: Watch, hits: int) -> None:
    """Ended as asked, with every hit accounted for."""
    summary = watch.summary
    assert (summary["hits"], summary["records"], summary["lost"]) == (hits, hits, 0)
    assert [hit["seq"] for hit in watch.hits()] == list(range(1, hits + 1))


def kallsyms(name: str) -> int:
    for line in Path("/proc/kallsyms").read_text().splitlines():
        address, _, symbol = line.split()[:3]
        if symbol == name and len(line.split()) == 3:
            return int(address, 16)
    pytest.skip(f"this kernel has no symbol {name}")


def test_jiffies_read_and_written() -> None:
    # Nobody can say how often jiffies_64 is touched; --count makes the number exact all the same.
    with Watch("--symbol", "jiffies_64", "--rw", "--count", "20") as watch:
        watch.wait_armed()
        assert watch.wait_exit() == 0
    assert int(target(watch)["address"], 16) == kallsyms("jiffies_64")
    assert target(watch)["width"] == 8
    ended_whole(watch, 20)
    assert watch.summary["ended_by"] == "count"
    assert {hit["access"] for hit in watch.hits()} <= {"read", "write"}


def test_typed_path_through_a_pointer() -> None:
    with Watch("--symbol", "init_task.signal->nr_threads") as watch:
        watch.wait_armed()
        assert watch.stop() == 0
    start = kallsyms("init_signals")
    assert start < int(target(watch)["address"], 16) < start + 4096
    assert target(watch)["width"] == 4


def test_two_writers_of_a_module_variable(fault: Fault) -> None:
    with Watch("--symbol", STATE, "--len", "8", "--w", "--no-brake") as watch:
        watch.wait_armed()
        fault.do("a", 7)
        fault.do("b", 5)
        fault.do("stray", 1)
        hits = watch.wait_hits(13)
        assert watch.stop() == 0
    ended_whole(watch, 13)
    assert int(target(watch)["address"], 16) == fault.address("fault_state")
    assert [functions(hit)[0] for hit in hits] == (
        ["fault_writer_a"] * 7 + ["fault_writer_b"] * 5 + ["fault_stray_writer"])
    assert {hit["kernel_stack"][0]["module"] for hit in hits} == {"stakeout_fault"}
    assert all("run_batch" in functions(hit) and "ksys_write" in functions(hit) for hit in hits)
    assert {(hit["pid"], hit["access"]) for hit in hits} == {(os.getpid(), "write")}
    assert {hit["comm"] for hit in hits} == {Path("/proc/self/comm").read_text().strip()}


def test_old_and_new_values_chain(fault: Fault) -> None:
    fault.do("a", 9)
    with Watch("--symbol", STATE, "--len", "8", "--w", "--no-brake") as watch:
        watch.wait_armed()
        fault.do("a", 4)
        fault.do("b", 2)
        fault.do("stray", 1)
        fault.do("oncpu", 2, cpu=1)
        hits = watch.wait_hits(9)
    stray = 0xDEADBEEFDEADBEEF
    assert values(hits, "new") == [1, 2, 3, 4, 5, 6, stray, 1, 2]
    assert values(hits, "old") == [9, 1, 2, 3, 4, 5, 6, stray, 1]
    assert hits[-1]["cpu"] == 1


def test_the_instruction_is_the_one_that_wrote(fault: Fault) -> None:
    with Watch("--symbol", STATE, "--len", "8", "--w", "--no-brake", "--count", "2") as watch:
        watch.wait_armed()
        fault.do("a")
        fault.do("b")
        assert watch.wait_exit() == 0
    store, add = watch.hits()
    for hit in (store, add):
        assert 0 < int(hit["ip"], 16) - int(hit["instruction"]["address"], 16) <= 15
    assert store["instruction"]["text"].startswith("mov")
    assert add["instruction"]["text"].startswith("add")


def test_offset_in_a_symbol(fault: Fault) -> None:
    with Watch("--symbol", "stakeout_fault:fault_pair+8", "--len", "8", "--w", "--no-brake") as watch:
        watch.wait_armed()
        fault.do("second", 3)
        watch.wait_hits(3)
        assert watch.stop() == 0
    assert int(target(watch)["address"], 16) == fault.address("fault_pair") + 8
    ended_whole(watch, 3)


@pytest.mark.parametrize(("name", "width"), [("u8", 1), ("u16", 2), ("u32", 4)])
def test_widths(fault: Fault, name: str, width: int) -> None:
    with Watch("--symbol", f"stakeout_fault:fault_{name}", "--len", str(width), "--w", "--no-brake") as watch:
        watch.wait_armed()
        fault.do(name, 3)
        hits = watch.wait_hits(3)
        assert watch.stop() == 0
    ended_whole(watch, 3)
    assert {hit["width"] for hit in hits} == {width}
    assert values(hits, "new") == [1, 2, 3]


def test_kernel_address(fault: Fault) -> None:
    # QEMU's CPU has 57-bit addresses and these kernels use them: per-CPU and heap memory is at 0xff...
    address = fault.address("fault_percpu/1")
    with Watch("--addr", f"{address:#x}", "--len", "8", "--w", "--no-brake") as watch:
        watch.wait_armed()
        fault.do("percpu", 2, cpu=0)
        fault.do("percpu", 3, cpu=1)
        hits = watch.wait_hits(3)
        assert watch.stop() == 0
    ended_whole(watch, 3)
    assert {hit["cpu"] for hit in hits} == {1}


def test_per_cpu_variable_of_a_module(fault: Fault) -> None:
    with Watch("--symbol", "stakeout_fault:fault_percpu", "--len", "8", "--w", "--no-brake") as watch:
        watch.wait_armed()
        fault.do("percpu", 2, cpu=0)
        fault.do("percpu", 3, cpu=1)
        hits = watch.wait_hits(5)
        assert watch.stop() == 0
    ended_whole(watch, 5)
    assert [hit["cpu"] for hit in hits] == [0, 0, 1, 1, 1]
    assert values(hits, "address") == [fault.address(f"fault_percpu/{hit['cpu']}") for hit in hits]
    assert values(hits[3:], "old") == [1, 2]  # each CPU has a value of its own


def test_per_cpu_variable_of_the_kernel() -> None:
    with Watch("--symbol", "runqueues.nr_running", "--w", "--count", "10") as watch:
        watch.wait_armed()
        assert watch.wait_exit() == 0
    assert target(watch)["width"] == 4
    ended_whole(watch, 10)


@pytest.mark.parametrize(("path", "command", "width"), [
    ("inner.first", "first", 4), ("inner.table[2]", "table", 2), ("low", "low", 4), ("whole", "whole", 8),
    ("next->tail", "next", 8),
])
def test_fields_by_type(fault: Fault, path: str, command: str, width: int) -> None:
    # pahole gives a module's structures to its BTF but, before 1.29, no variables other than per-CPU ones.
    with Watch("--symbol", f"stakeout_fault:fault_object.{path}", "--type", "struct fault_object", "--w", "--no-brake") as watch:
        watch.wait_armed()
        fault.do(command, 3)
        hits = watch.wait_hits(3)
        assert watch.stop() == 0
    ended_whole(watch, 3)
    assert target(watch)["width"] == width
    assert values(hits, "new") == [1, 2, 3]


def test_bit_field_is_its_word(fault: Fault) -> None:
    with Watch("--symbol", "stakeout_fault:fault_object.flag_b", "--type", "struct fault_object", "--w", "--no-brake") as watch:
        watch.wait_armed()
        fault.do("flags", 3)
        hits = watch.wait_hits(3)
        assert watch.stop() == 0
    ended_whole(watch, 3)
    assert [value >> 3 & 31 for value in values(hits, "new")] == [1, 2, 3]


def test_unaligned_range(fault: Fault) -> None:
    # Four slots. TCG reports a store that touches several of them to one only, so here the count tells nothing about
    # joining (tests/kernel does); that the bytes are covered and each store is one hit, it does.
    address = fault.address("fault_packed.value")
    with Watch("--addr", f"{address:#x}-{address + 8:#x}", "--w", "--no-brake") as watch:
        armed = watch.wait_armed()
        fault.do("packed", 3)
        watch.wait_hits(3)
        assert watch.stop() == 0
    assert sorted(slot["length"] for slot in armed["slots"]) == [1, 1, 2, 4]
    ended_whole(watch, 3)


def test_execute(fault: Fault) -> None:
    with Watch("--symbol", "fault_called", "--x") as watch:
        watch.wait_armed()
        fault.do("call", 6)
        hits = watch.wait_hits(6)
        assert watch.stop() == 0
    ended_whole(watch, 6)
    assert {functions(hit)[0] for hit in hits} == {"fault_called"}
    assert {int(hit["ip"], 16) for hit in hits} == {fault.address("fault_called")}


def test_module_without_btf(fault: Fault) -> None:
    fault.unload()
    fault.load(btf=False)
    try:
        with Watch("--symbol", STATE, "--len", "8", "--w", "--no-brake") as watch:
            watch.wait_armed()
            fault.do("a", 3)
            watch.wait_hits(3)
            assert watch.stop() == 0
        ended_whole(watch, 3)
    finally:
        fault.unload()
        fault.load()


def test_task_object() -> None:
    libc = ctypes.CDLL(None)
    place = ctypes.c_int()
    with Watch("--object", f"task({os.getpid()})->clear_child_tid", "--w", "--no-brake") as watch:
        watch.wait_armed()
        for offset in (0, 8, 16):
            libc.syscall(SYS_SET_TID_ADDRESS, ctypes.c_void_p(ctypes.addressof(place) + offset))
        hits = watch.wait_hits(3)
        libc.syscall(SYS_SET_TID_ADDRESS, None)
        watch.wait_hits(4)
        assert watch.stop() == 0
    ended_whole(watch, 4)
    assert values(hits, "new") == [ctypes.addressof(place) + offset for offset in (0, 8, 16)]
    assert {hit["pid"] for hit in hits} == {os.getpid()}
    assert all("set_tid_address" in " ".join(functions(hit)) for hit in hits)


def test_file_object(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as file:
        with Watch("--object", f"file({os.getpid()},{file.fileno()})->f_pos", "--w", "--no-brake") as watch:
            watch.wait_armed()
            for position in (3, 7, 5):
                os.lseek(file.fileno(), position, os.SEEK_SET)
            hits = watch.wait_hits(3)
            assert watch.stop() == 0
    ended_whole(watch, 3)
    assert values(hits, "new") == [3, 7, 5]


def test_process_memory() -> None:
    variable = ctypes.c_uint64(0)
    where = ctypes.addressof(variable)
    with Watch("--pid", str(os.getpid()), "--addr", f"{where:#x}", "--len", "8", "--w", "--no-brake") as watch:
        watch.wait_armed()
        for number in (1, 2, 3):
            variable.value = number
        hits = watch.wait_hits(3)
        assert watch.stop() == 0
    ended_whole(watch, 3)
    assert values(hits, "old") == [0, 1, 2]
    assert values(hits, "new") == [1, 2, 3]
    assert {hit["pid"] for hit in hits} == {os.getpid()}

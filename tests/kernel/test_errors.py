"""Refusals: exit status, one sentence, its cause and its remedy; and nothing is left behind."""

from __future__ import annotations

import os
import subprocess

import pytest

from actor import Actor
from kernel_state import HeldSlots, online_cpus
from stakeout_run import BINARY, run

USAGE, CANNOT_ARM = 2, 3
JIFFIES = ("--symbol", "jiffies_64")


def refused(status: int, *args: str, command: tuple[str, ...] = ()) -> str:
    """The one line that stakeout says to a watch that it must refuse."""
    ttl = () if "--ttl" in args else ("--ttl", "5s")
    done = run("watch", *args, *ttl, *(("--", *command) if command else ()))
    assert done.returncode == status, done
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("stakeout: cannot ")
    return done.stderr


def in_order(said: str, *words: str) -> None:
    at = 0
    for word in words:
        assert word in said[at:], f"{word!r} in {said!r}"
        at = said.index(word, at) + len(word)


@pytest.mark.parametrize(("args", "words"), [
    ((), ("nothing was named", "--symbol, --object or --addr")),
    ((*JIFFIES, "--w", "--x"), ("more than one of --w, --rw, --r and --x", "give one")),
    ((*JIFFIES, "--pid", "0"), ("--pid 0", "positive number")),
    (("--addr", "0xzz", "--len", "8"), ("'0xzz'", "address")),
    (("--addr", "0xffff888000000000"), ("no width", "--len")),
    (("--addr", "0xffff888000000000", "--len", "0"), ("--len 0", "between 1 and 32")),
    (("--addr", "0xffff888000000000", "--len", "33"), ("--len 33", "between 1 and 32")),
    (("--addr", "0xffff888000000000", "--len", "eight"), ("--len", "number")),
    (("--addr", "0xffff888000000010-0xffff888000000000"), ("end is not after its start",)),
    ((*JIFFIES, "--ttl", "0s"), ("--ttl 0s", "at least 1s")),
    ((*JIFFIES, "--ttl", "8d"), ("--ttl 8d", "at most 7d")),
    ((*JIFFIES, "--ttl", "soon"), ("soon",)),
    ((*JIFFIES, "--ttl", "99999999999999999999h"), ("99999999999999999999h", "10m")),
    ((*JIFFIES, "--count", "0"), ("--count 0", "between 1 and")),
    ((*JIFFIES, "--count", "x"), ("--count", "number")),
    ((*JIFFIES, "--count=-3"), ("--count", "number")),
    ((*JIFFIES, "--max-rate", "0"), ("--max-rate 0", "between 1 and")),
    ((*JIFFIES, "--max-rate", "5", "--no-brake"), ("--no-brake was given too",)),
    ((*JIFFIES, "--stack-depth", "128"), ("--stack-depth 128", "between 0 and 127")),
    ((*JIFFIES, "--no-kernel"), ("--no-kernel", "--pid")),
    ((*JIFFIES, "-o", "xml"), ("xml", "text, json and folded")),
    (("--symbol", ""), ("symbol's name",)),
    (("--object", "task(1"), ("')' was expected",)),
    (("--object", "task(1)"), ("whole object", "task(1)->FIELD")),
    (("--object", "inode(3)->i_count"), ("task(PID) and file(PID,FD)",)),
    (("--object", "task(1)->pid", "--pid", "1"), ("objects live in the kernel", "leave out --pid")),
    ((*JIFFIES, "--bogus"), ("--bogus",)),
])
def test_usage(args: tuple[str, ...], words: tuple[str, ...]) -> None:
    in_order(refused(USAGE, *args), *words)


@pytest.mark.parametrize(("args", "words"), [
    (("--addr", "0x400000", "--len", "8"), ("user-space address", "--pid")),
    (("--addr", "0x8000000000000000", "--len", "8"), ("canonical", "check the number")),
    (("--addr", "0xffffffff00000000", "--len", "8"), ("nothing is mapped", "KASLR")),
    (("--object", "task(1)->clear_child_tdi"), ("struct task_struct", "clear_child_tdi", "near names", "clear_child_tid")),
    (("--object", "task(1)->signal->nr_thread"), ("struct signal_struct", "nr_threads")),
    (("--object", "task(1)->se"), ("slots and a CPU has 4",)),
    (("--object", "task(999999999)->pid"), ("no task", "check the PID")),
    (("--object", "file(1,99999)->f_pos"), ("no open file 99999", "/proc/1/fd")),
    (("--symbol", "jiffies_46"), ("jiffies_46", "near names", "jiffies_64", "--vmlinux")),
    (("--symbol", "nomodule:thing"), ("nomodule", "module")),
    (("--symbol", "schedule"), ("function", "--x")),
    (("--symbol", "init_task.signal->nr_thread"), ("nr_threads",)),
    (("--symbol", "init_task"), ("slots and a CPU has 4",)),
    (("--symbol", "__preempt_count"), ("every exception touches it",)),
    (("--symbol", "current_task"), ("every exception touches it",)),
    ((*JIFFIES, "--vmlinux", "/nonexistent"), ("/nonexistent", "cannot be read")),
    ((*JIFFIES, "--vmlinux", "/etc/passwd"), ("/etc/passwd", "uname -r")),
    ((*JIFFIES, "--via", "no_such_function"), ("no_such_function", "/proc/kallsyms")),
    ((*JIFFIES, "--type", "struct nothing"), ("struct nothing", "BTF")),
    ((*JIFFIES, "--symbol", "runqueues.nr_running"), ("per-CPU", "two watches")),
    (("--pid", "999999999", "--symbol", "x"), ("no such process", "check the PID")),
    (("--pid", "2", "--symbol", "x"), ("kernel thread", "leave out --pid")),
])
def test_cannot_arm(args: tuple[str, ...], words: tuple[str, ...]) -> None:
    in_order(refused(CANNOT_ARM, *args), *words)


@pytest.mark.parametrize(("args", "words"), [
    (("--symbol", "countre"), ("countre", "near names", "counter", "--addr")),
    (("--symbol", "twin"), ("ambiguous", "0x", "0x", "--addr")),
    (("--symbol", "thread_own"), ("thread-local", "--addr")),
    (("--symbol", "called"), ("function", "--x")),
    (("--symbol", "counter", "--x"), ("variable", "leave out --x")),
    (("--symbol", "libnothing.so:counter"), ("libnothing.so", "libc")),
    (("--symbol", "watched"), ("512 slots", "4096 bytes")),
    (("--symbol", "counter.field"), ("fields of process variables", "NAME+OFFSET")),
    (("--addr", "0xffffffff81000000", "--len", "8"), ("kernel address", "leave out --pid")),
    (("--addr", "0x8000000000000000", "--len", "8"), ("canonical",)),
    (("--addr", "0x10", "--len", "8"), ("nothing is mapped", "maps")),
    (("--symbol", "counter", "--symbol", "early", "--symbol", "sigtraps", "--symbol", "watched", "--symbol", "counter",
      "--len", "1"), ("5 targets", "at most four")),
])
def test_cannot_arm_in_a_process(actor: Actor, args: tuple[str, ...], words: tuple[str, ...]) -> None:
    in_order(refused(CANNOT_ARM, "--pid", str(actor.pid), *args), *words)


def test_an_address_is_named_once(actor: Actor) -> None:
    assert refused(CANNOT_ARM, "--addr", "0x400000", "--len", "8").count("0x400000") == 1
    assert refused(CANNOT_ARM, "--pid", str(actor.pid), "--addr", "0x10", "--len", "8").count("0x10") == 1


def test_too_wide_tells_how_many_slots(actor: Actor) -> None:
    start = actor.address(offset=1)
    said = refused(CANNOT_ARM, "--pid", str(actor.pid), "--addr", f"{start:#x}-{start + 31:#x}")
    in_order(said, "6 slots", "a CPU has 4", "fewer or smaller")


def test_programs_that_cannot_start() -> None:
    in_order(refused(CANNOT_ARM, "--symbol", "x", command=("/nonexistent/program",)), "/nonexistent/program", "ENOENT")
    in_order(refused(CANNOT_ARM, "--symbol", "x", command=("/etc/passwd",)), "/etc/passwd", "EACCES")
    in_order(refused(CANNOT_ARM, "--symbol", "no_such_variable", command=("/bin/true",)), "no_such_variable")
    in_order(refused(USAGE, "--symbol", "x", "--pid", "1", command=("/bin/true",)), "both --pid and a program")


def test_kernel_execute_breakpoints() -> None:
    done = run("watch", "--symbol", "schedule", "--x", "--count", "1", "--ttl", "10s")
    if done.returncode == 0:
        pytest.skip("this kernel takes execute breakpoints (KPROBES)")
    in_order(refused(CANNOT_ARM, "--symbol", "schedule", "--x"), "execute breakpoints", "KPROBES")


@pytest.mark.parametrize("cpu", online_cpus())
def test_no_free_slot(actor: Actor, cpu: int) -> None:
    """All four of one CPU are held: refused on every CPU, and the holder is named."""
    with HeldSlots(cpu):
        said = refused(CANNOT_ARM, "--pid", str(actor.pid), "--symbol", "counter")
    in_order(said, "no debug register is free", "held by", f"(pid {os.getpid()})", "stakeout slots")


def test_too_few_free_slots(actor: Actor) -> None:
    with HeldSlots(0, 2):
        said = refused(CANNOT_ARM, "--pid", str(actor.pid), "--symbol", "counter", "--addr",
                       f"{actor.address():#x}-{actor.address(offset=16):#x}")
    assert f"(pid {os.getpid()})" in said


@pytest.mark.parametrize("args", [("watch", *JIFFIES), ("watch", "--object", "task(1)->pid"),
                                  ("watch", "--pid", "1", "--symbol", "x"), ("slots",)])
def test_without_privilege(args: tuple[str, ...]) -> None:
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BINARY, *args],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    if "failed to execute" in done.stderr:
        pytest.skip("other users cannot reach the binary here")
    assert done.returncode == CANNOT_ARM, done
    assert len(done.stderr.splitlines()) == 1
    in_order(done.stderr, "stakeout: cannot", "root")


def test_sub_commands() -> None:
    assert run().returncode == USAGE
    assert run("bogus").returncode == USAGE
    for args in (("--help",), ("watch", "--help")):
        assert run(*args).returncode == 0

"""System calls that write to a process's variable: the kernel's copy, byte by byte, is one hit."""

from __future__ import annotations

import pytest

from actor import Actor
from checks import all_counted, chained, exactly, symbols, written
from stakeout_run import Watch


def word(actor: Actor, *options: str, length: int = 8) -> Watch:
    return Watch("--pid", str(actor.pid), "--addr", hex(actor.address()), "--len", str(length), *options)


@pytest.mark.parametrize("length", [1, 2, 4, 8])
def test_read_from_a_pipe(actor: Actor, length: int) -> None:
    with word(actor, length=length) as watch:
        watch.wait_armed()
        assert actor.do(f"pipe 0 {length} 20") == 20
        assert watch.stop() == 0
    hits = all_counted(watch)
    chained(hits)
    assert written(hits) == list(range(1, 21))  # the final value of each copy
    for hit in hits:
        assert (hit["pid"], hit["mode"], hit["access"]) == (actor.pid, "kernel", "write")
        assert "ksys_read" in symbols(hit["kernel_stack"])
        assert "main" in symbols(hit["user_stack"])
    assert sum(hit.get("traps", 1) for hit in hits) == len(hits) + watch.summary["joined"]


@pytest.mark.parametrize("at", [0, 4, 7])
def test_copy_that_overlaps_the_variable(actor: Actor, at: int) -> None:
    """32 bytes from a little before the variable on: one hit a copy."""
    with Watch("--pid", str(actor.pid), "--addr", hex(actor.address(offset=64 + at)), "--len", "1") as watch:
        watch.wait_armed()
        actor.do("pipe 64 32 10")
        assert watch.stop() == 0
    assert len(all_counted(watch)) == 10


def test_program_and_system_calls_in_turn(actor: Actor) -> None:
    with word(actor) as watch:
        watch.wait_armed()
        for _ in range(3):
            actor.do("w8 0 2")
            actor.do("pipe 0 8 2")
        lost = actor.sigtraps()
        assert watch.stop() == 0
    hits = all_counted(watch)
    chained(hits, lost)
    if not lost:
        assert [hit["mode"] for hit in hits] == ["user", "user", "kernel", "kernel"] * 3
        assert written(hits) == list(range(1, 13))


def test_kernel_left_out(actor: Actor) -> None:
    with word(actor, "--no-kernel") as watch:
        watch.wait_armed()
        actor.do("pipe 0 8 5")
        made = actor.do("w8 0 4")
        actor.do("pipe 0 8 5")
        lost = actor.sigtraps()
        assert watch.stop() == 0
    hits = all_counted(watch)
    assert len(hits) == made - lost
    assert {hit["mode"] for hit in hits} == {"user"}


def test_copies_and_loads(actor: Actor) -> None:
    """The kernel's copies are writes under --rw too, the program's own loads are reads."""
    with word(actor, "--rw") as watch:
        watch.wait_armed()
        actor.do("pipe 0 8 5")
        made = 5 + actor.do("r8 0 5")
        hits = exactly(watch, actor, made)
    assert [hit["access"] for hit in hits[:5]] == ["write"] * 5
    assert {hit["access"] for hit in hits[5:]} <= {"read"}

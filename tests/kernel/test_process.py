"""A process's variables: executables and libraries, its threads and nobody else's, both CPUs."""

from __future__ import annotations

import pytest

import kernel_state
from actor import Actor
from checks import all_counted, chained, exactly, symbols, written
from stakeout_run import Watch


def test_variable_of_a_pie(actor: Actor) -> None:
    with Watch("--pid", str(actor.pid), "--symbol", "counter") as watch:
        target = watch.wait_armed()["targets"][0]
        assert (target["address"], target["width"]) == (hex(actor.address("counter")), 8)
        hits = exactly(watch, actor, actor.do("count 100"))
    for hit in hits:
        assert (hit["pid"], hit["comm"], hit["access"]) == (actor.pid, "actor", "write")
        assert hit["kernel_stack"] == []
        assert symbols(hit["user_stack"])[0] == "count_up" and "main" in symbols(hit["user_stack"])
        assert "lock" in hit["instruction"]["text"]
    assert hits[0]["user_stack"][0]["file"].endswith("actor_memory.c")


@pytest.mark.parametrize(("name", "symbol"), [
    ("library_user", "libwatched_library.so:library_counter"),  # reached through the GOT
    ("library_user", "library_counter"),
    ("library_user_copied", "library_counter"),                 # a copy relocation: it lives in the program
])
def test_variable_of_a_library(name: str, symbol: str) -> None:
    with Actor(name, "50") as user, Watch("--pid", str(user.pid), "--symbol", symbol) as watch:
        target = watch.wait_armed()["targets"][0]
        assert (target["address"], target["value"]) == (hex(user.address("library_counter")), "0x5")
        assert user.do("go") == 100
        assert watch.stop() == 0
    hits = all_counted(watch)
    chained(hits)
    assert written(hits) == list(range(6, 106))
    assert all(symbols(hit["user_stack"])[0] == "library_count" for hit in hits[:50])
    assert all(symbols(hit["user_stack"])[0] == "main" for hit in hits[50:])
    assert "libwatched_library" in hits[0]["user_stack"][0]["module"]


def test_copied_variable_named_by_its_library() -> None:
    """The library's own copy is dead: nobody reads or writes it. What is armed must be where the accesses go."""
    with (Actor("library_user_copied", "5") as user,
          Watch("--pid", str(user.pid), "--symbol", "libwatched_library.so:library_counter") as watch):
        target = watch.wait_armed()["targets"][0]
        user.do("go")
        assert watch.stop() == 0
    assert target["address"] == hex(user.address("library_counter")) or "copy" in target.get("note", ""), target


def test_eight_threads_on_all_cpus(actor: Actor) -> None:
    actor.do("hire 4")
    with Watch("--pid", str(actor.pid), "--symbol", "counter", "--no-brake") as watch:
        watch.wait_armed()
        actor.do("hire 4")  # these have not been there when it was armed
        hits = exactly(watch, actor, actor.do("work 400"))
    assert len({hit["tid"] for hit in hits}) == 8
    assert {hit["cpu"] for hit in hits} == set(kernel_state.online_cpus())
    assert {hit["pid"] for hit in hits} == {actor.pid}
    # A value is read after the trap, and the other CPU may have counted on by then: never back, and 3,200 in the end.
    assert written(hits) == sorted(written(hits)) and written(hits)[-1] == 3200


def test_other_process_with_the_same_addresses() -> None:
    with Actor("actor_fixed") as watched, Actor("actor_fixed") as other:
        assert watched.address() == other.address()
        with Watch("--pid", str(watched.pid), "--symbol", "counter") as watch:
            watch.wait_armed()
            other.do("count 30")
            made = watched.do("count 20")
            other.do("count 30")
            lost = other.sigtraps()
            hits = exactly(watch, watched, made)
    assert {hit["pid"] for hit in hits} == {watched.pid}
    assert watch.summary["foreign"] == 60 - lost


def test_child_has_its_own_copy(actor: Actor) -> None:
    with Watch("--pid", str(actor.pid), "--addr", hex(actor.address()), "--len", "8") as watch:
        watch.wait_armed()
        made = actor.do("w8 0 3")
        actor.do("fork 0 10")
        made += actor.do("w8 0 3")
        hits = exactly(watch, actor, made)
    # After fork() the first store goes to a fresh page at the same address: still this process's.
    assert {hit["pid"] for hit in hits} == {actor.pid}
    assert written(hits)[-1] == 6


def test_variable_and_field_of_a_fixed_program() -> None:
    with Actor("actor_fixed") as fixed, Watch("--pid", str(fixed.pid), "--symbol", "watched+16", "--len", "4") as watch:
        target = watch.wait_armed()["targets"][0]
        assert (target["address"], target["width"]) == (hex(fixed.address(offset=16)), 4)
        exactly(watch, fixed, fixed.do("w4 16 7"))


def test_execution_of_a_function(actor: Actor) -> None:
    with Watch("--pid", str(actor.pid), "--symbol", "called", "--x") as watch:
        assert watch.wait_armed()["access"] == "x"
        made = actor.do("call 25")
        lost = actor.sigtraps()
        assert watch.stop() == 0
    hits = all_counted(watch)
    assert len(hits) == made - lost
    for hit in hits:
        assert hit["access"] == "execute" and hit["ip"] == hit["address"] == hit["instruction"]["address"]
        assert symbols(hit["user_stack"])[0] == "called"

"""Exact counts: every access to the watched bytes is one hit, and no access to their neighbours is any."""

from __future__ import annotations

import pytest

from actor import Actor
from checks import exactly, written
from stakeout_run import Watch


def watch_bytes(actor: Actor, *ranges: tuple[int, int], access: str = "--w") -> Watch:
    """A watch of [first, last) offsets into the actor's `watched`."""
    options = [text for first, last in ranges
               for text in ("--addr", f"{actor.address(offset=first):#x}-{actor.address(offset=last):#x}")]
    return Watch("--pid", str(actor.pid), *options, access)


def armed_bytes(watch: Watch, actor: Actor) -> list[int]:
    """Every offset that a slot covers, in order."""
    return [int(slot["address"], 16) - actor.address() + i for slot in watch.armed["slots"] for i in range(slot["length"])]


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_aligned_variables(actor: Actor, width: int) -> None:
    with watch_bytes(actor, (64, 64 + width)) as watch:
        assert len(watch.wait_armed()["slots"]) == 1
        made = actor.do(f"w{width} 64 20")
        actor.do("w1 63 10")
        actor.do(f"w1 {64 + width} 10")
        hits = exactly(watch, actor, made)
    assert written(hits) == list(range(1, 21))
    assert {(hit["access"], hit["width"], hit["pid"], hit["mode"]) for hit in hits} == {("write", width, actor.pid, "user")}


@pytest.mark.parametrize(("first", "last", "slots"), [
    (1, 8, 3), (3, 11, 4), (7, 9, 2), (5, 8, 2), (0, 3, 2), (0, 16, 2), (0, 32, 4), (6, 24, 3), (1, 2, 1), (4, 16, 2),
])
def test_ranges_byte_by_byte(actor: Actor, first: int, last: int, slots: int) -> None:
    with watch_bytes(actor, (64 + first, 64 + last)) as watch:
        assert len(watch.wait_armed()["slots"]) == slots
        assert armed_bytes(watch, actor) == list(range(64 + first, 64 + last))
        made = sum(actor.do(f"w1 {offset} 2") for offset in range(64 + first, 64 + last))
        for outside in (*range(56 + first, 64 + first), *range(64 + last, 72 + last)):
            actor.do(f"w1 {outside} 1")
        hits = exactly(watch, actor, made)
    assert {hit["width"] for hit in hits} == {last - first}


def test_narrow_store_into_a_wide_variable(actor: Actor) -> None:
    with watch_bytes(actor, (64, 72)) as watch:
        watch.wait_armed()
        hits = exactly(watch, actor, actor.do("w1 67 5") + actor.do("w2 70 5"))
    assert written(hits)[4] == 5 << 24
    assert written(hits)[9] == 5 << 24 | 10 << 48


def test_wide_store_over_a_narrow_variable(actor: Actor) -> None:
    with watch_bytes(actor, (66, 67)) as watch:
        watch.wait_armed()
        hits = exactly(watch, actor, actor.do("w8 64 5") + actor.do("w8 59 5") + actor.do("w16 60 5"))
    assert {hit["width"] for hit in hits} == {1}


@pytest.mark.parametrize("at", [57, 60, 63, 68])
def test_store_over_two_slots_is_one_hit(actor: Actor, at: int) -> None:
    with watch_bytes(actor, (56, 80)) as watch:
        assert len(watch.wait_armed()["slots"]) == 3
        hits = exactly(watch, actor, actor.do(f"w8 {at} 10"))
    assert watch.summary["joined"] == len(hits)  # both slots trap each store
    assert written(hits)[-1] == 10 << 8 * (at - 56)


def test_sse_store_over_two_slots(actor: Actor) -> None:
    with watch_bytes(actor, (64, 80)) as watch:
        assert len(watch.wait_armed()["slots"]) == 2
        hits = exactly(watch, actor, actor.do("w16 64 10"))
    assert written(hits) == [(~value & (1 << 64) - 1) << 64 | value for value in range(1, 11)]
    assert all("xmm" in hit["instruction"]["text"] for hit in hits)


def test_two_targets(actor: Actor) -> None:
    with watch_bytes(actor, (64, 72), (128, 132)) as watch:
        assert [target["width"] for target in watch.wait_armed()["targets"]] == [8, 4]
        actor.do("w8 64 6")
        actor.do("w4 128 4")
        actor.do("w4 132 4")
        lost = actor.sigtraps()
        assert watch.stop() == 0
    names = [target["name"] for target in watch.armed["targets"]]
    of_first = [hit for hit in watch.hits() if hit["target"] == names[0]]
    of_second = [hit for hit in watch.hits() if hit["target"] == names[1]]
    assert len(of_first) + len(of_second) == 10 - lost
    if not lost:
        assert written(of_first) == [1, 2, 3, 4, 5, 6] and {hit["width"] for hit in of_first} == {8}
        assert written(of_second) == [7, 8, 9, 10] and {hit["width"] for hit in of_second} == {4}


def test_one_store_over_two_targets(actor: Actor) -> None:
    with watch_bytes(actor, (64, 72), (72, 80)) as watch:
        watch.wait_armed()
        hits = exactly(watch, actor, actor.do("w16 64 5"))
    names = [target["name"] for target in watch.armed["targets"]]
    for hit in hits:
        assert len(hit["also"]) == 1
        assert {hit["target"], hit["also"][0]["target"]} == set(names)


def test_same_value_is_a_hit_too(actor: Actor) -> None:
    with watch_bytes(actor, (64, 72)) as watch:
        watch.wait_armed()
        hits = exactly(watch, actor, actor.do("same 64 10"))
    assert [hit["old"] for hit in hits[1:]] == [hit["new"] for hit in hits[1:]] == ["0x7"] * (len(hits) - 1)


def test_loads(actor: Actor) -> None:
    actor.do("w8 64 1")
    with watch_bytes(actor, (64, 72), access="--rw") as watch:
        watch.wait_armed()
        made = actor.do("r8 64 10") + actor.do("r8 57 10")
        actor.do("r8 56 10")
        actor.do("r8 72 10")
        hits = exactly(watch, actor, made)
    assert {(hit["access"], hit["old"], hit["new"]) for hit in hits} == {("read", "0x1", "0x1")}

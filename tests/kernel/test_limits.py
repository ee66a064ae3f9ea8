"""--count, --ttl, the brake and --no-brake: exact, and without help from a reader."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

import kernel_state
from actor import Actor
from checks import all_counted, chained, exactly
from stakeout_run import Record, Watch, run, wait_until


def storm(actor: Actor, *options: str) -> Watch:
    """A watch of the word that the actor's loops write."""
    return Watch("--pid", str(actor.pid), "--addr", hex(actor.address()), "--len", "8", *options)


def cpus_held_by(watch: Watch) -> list[int]:
    """Where the watch has a slot, as `stakeout slots` sees it."""
    holders = json.loads(run("slots", "-o", "json").stdout)["holders"]
    return sorted(holder["cpu"] for holder in holders if holder["pid"] in (watch.pid, *children(watch.pid)))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# ---- count ----

@pytest.mark.parametrize("count", [1, 2, 500])
def test_count_is_exact_from_all_cpus(actor: Actor, count: int) -> None:
    actor.do(f"loops {len(kernel_state.online_cpus())}")
    with storm(actor, "--count", str(count), "--no-brake") as watch:
        assert watch.wait_exit() == 0
    assert actor.do("stop") > count
    assert len(all_counted(watch)) == count
    assert watch.summary["ended_by"] == "count"


def test_count_of_reads(actor: Actor) -> None:
    """--r drops writes after decoding: they do not count."""
    with storm(actor, "--r", "--count", "10") as watch:
        watch.wait_armed()
        actor.do("w8 0 30")
        actor.do("r8 0 30")
        assert watch.wait_exit() == 0
    assert [hit["access"] for hit in watch.hits()] == ["read"] * 10
    assert watch.summary["ended_by"] == "count"


def test_count_not_reached(actor: Actor) -> None:
    with storm(actor, "--count", "100") as watch:
        watch.wait_armed()
        exactly(watch, actor, actor.do("w8 0 99"))
    assert watch.summary["ended_by"] == "user"


# ---- time to live ----

def test_time_to_live(actor: Actor) -> None:
    with storm(actor, "--ttl", "3s") as watch:
        assert watch.wait_armed()["ttl_ns"] == 3_000_000_000
        actor.do("w8 0 5")
        notice = watch.wait_records("notice")[0]
        assert 0 < notice["time_left_ns"] <= 300_000_000
        assert watch.wait_exit() == 0
    assert len(all_counted(watch)) == 5
    assert watch.summary["ended_by"] == "time_to_live"
    assert watch.summary["duration_ns"] >= 3_000_000_000
    assert actor.do("w8 0 5") == 5  # and nobody minds


def test_time_to_live_under_a_storm(actor: Actor) -> None:
    actor.do("loops 2")
    with storm(actor, "--ttl", "2s", "--no-brake", "--no-stack") as watch:
        assert watch.wait_exit() == 0
    assert actor.do("stop") > 0
    summary = watch.summary
    assert summary["ended_by"] == "time_to_live"
    assert summary["hits"] == summary["records"] + summary["lost"] >= len(watch.hits())


def test_stopped_reader_outlives_its_time(actor: Actor) -> None:
    """SIGSTOP over the deadline: hitting ends on time, the slots are free soon after, the summary comes on SIGCONT."""
    with storm(actor, "--ttl", "2s") as watch:
        watch.wait_armed()
        actor.do("w8 0 5")
        assert cpus_held_by(watch) == kernel_state.online_cpus()
        watch.pause()
        wait_until(lambda: cpus_held_by(watch) == [], "the slots are free while the reader is stopped")
        actor.do("w8 0 50")
        watch.resume()
        assert watch.wait_exit() == 0
    assert len(all_counted(watch)) == 5
    assert watch.summary["ended_by"] == "time_to_live"


# ---- brake ----

def gaps_are_told(hits: list[Record], brakes: list[Record]) -> None:
    """Where the chain breaks, a brake record's interval says so."""
    for before, after in zip(hits, hits[1:]):
        if before["new"] == after["old"] or before.get("unordered") or after.get("unordered"):
            continue
        assert any(brake["from_ns"] <= after["time_ns"] and before["time_ns"] <= brake["to_ns"] for brake in brakes), \
            (before, after)


def test_brake_under_a_tight_loop(actor: Actor) -> None:
    with storm(actor) as watch:
        watch.wait_armed()
        actor.do("loops 1")
        watch.wait_records("brake", 3)
        made = actor.do("stop")
        assert watch.stop() == 0
    summary = watch.summary
    assert summary["lost"] == 0 and summary["braked"] == len(watch.of_type("brake")) >= 3
    assert summary["braked_ns"] == sum(brake["to_ns"] - brake["from_ns"] for brake in watch.of_type("brake"))
    assert 0 < summary["hits"] == len(watch.hits()) < made / 2
    gaps_are_told(watch.hits(), watch.of_type("brake"))


def test_brake_holds_without_a_reader(actor: Actor) -> None:
    """The reader is stopped: no CPU's event hits again after its first burst, however long the storm goes on."""
    with storm(actor) as watch:
        watch.wait_armed()
        watch.pause()
        actor.do("loops 2")
        wait_until(lambda: actor.do("progress") > 3_000_000, "the loops run on at their own speed")
        made = actor.do("stop")
        watch.resume()
        watch.wait_records("brake", 1)
        assert watch.stop() == 0
    # A burst is at most the budget, 25 ms of a window: by no machine's exception more than some 10,000 hits a CPU.
    assert watch.summary["lost"] == 0
    assert 0 < watch.summary["hits"] < 40_000 < made
    assert watch.summary["braked"] >= 1


def test_hits_again_after_a_storm(actor: Actor) -> None:
    with storm(actor) as watch:
        watch.wait_armed()
        actor.do("loops 2")
        watch.wait_records("brake", 2)
        actor.do("stop")

        def seen_again() -> bool:
            actor.do("w1 7 1")  # the loops leave this byte zero
            return any(int(hit["new"], 16) >> 56 for hit in watch.hits()[-20:])

        wait_until(seen_again, "hits after the storm")
        assert watch.stop() == 0


def test_max_rate(actor: Actor) -> None:
    with storm(actor, "--max-rate", "100") as watch:
        watch.wait_armed()
        actor.do("w8 0 2000")
        watch.wait_records("brake", 1)
        assert watch.stop() == 0
    # 25 hits in each quarter of a second; 2,000 stores without that are over in a few hundredths of one.
    assert 0 < watch.summary["hits"] < 1000


def test_no_brake_sees_every_access(actor: Actor) -> None:
    with storm(actor, "--no-brake", "--no-stack") as watch:
        watch.wait_armed()
        hits = exactly(watch, actor, actor.do("w8 0 20000"))
    assert not watch.of_type("brake") and watch.armed["brake"] is False
    chained(hits, 20000 - len(hits))


def test_stopped_reader_loses_nothing_it_has_room_for(actor: Actor) -> None:
    with storm(actor, "--no-brake", "--no-stack") as watch:
        watch.wait_armed()
        watch.pause()
        made = actor.do("w8 0 5000")
        watch.resume()
        exactly(watch, actor, made)


def test_lost_records_are_counted(actor: Actor) -> None:
    """More hits than the ring holds while nobody reads: the rest is lost, and told."""
    with storm(actor, "--no-brake") as watch:
        watch.wait_armed()
        watch.pause()
        made = actor.do("w8 0 40000")
        lost_to_signals = actor.sigtraps()
        watch.send(signal.SIGCONT)
        assert watch.stop() == 0
    summary = watch.summary
    assert summary["lost"] > 0
    assert summary["hits"] == summary["records"] + summary["lost"] == made - lost_to_signals
    assert len(watch.hits()) == summary["records"]
    numbers = [hit["seq"] for hit in watch.hits()]
    assert numbers == sorted(set(numbers)) and numbers[-1] <= summary["hits"]

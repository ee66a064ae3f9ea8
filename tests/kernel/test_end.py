"""How a watch ends: asked to, killed, without its target. Nothing stays behind, and the machine runs on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

import kernel_state
from actor import Actor
from checks import exactly
from stakeout_run import Watch, run, wait_until

LOST_TARGET = 4


def storm(actor: Actor, *options: str) -> Watch:
    return Watch("--pid", str(actor.pid), "--addr", hex(actor.address()), "--len", "8", *options)


def processes_named(name: str) -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/comm"):
        try:
            if entry.read_text().strip() == name:
                found.add(int(entry.parent.name))
        except OSError:  # ended meanwhile
            pass
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_under_a_storm(actor: Actor, number: signal.Signals) -> None:
    actor.do("loops 2")
    with storm(actor, "--no-stack") as watch:
        watch.wait_hits(100)
        watch.send(number)
        assert watch.wait_exit() == 0
        wait_until(kernel_state.all_slots_free, "the slots are free")
    before = actor.do("progress")
    wait_until(lambda: actor.do("progress") > before, "the loops run on")
    actor.do("stop")
    summary = watch.summary
    assert summary["ended_by"] == "user" and summary["lost"] == 0
    assert [hit["seq"] for hit in watch.hits()] == list(range(1, summary["hits"] + 1))


def test_removed_again_and_again(actor: Actor) -> None:
    actor.do("loops 2")
    for _ in range(5):
        with storm(actor, "--no-brake", "--no-stack") as watch:
            watch.wait_hits(10)
            assert watch.stop() == 0
        assert watch.summary["hits"] == watch.summary["records"] + watch.summary["lost"]
    assert actor.do("stop") > 0 and actor.do("sigtraps") >= 0


def test_killed(actor: Actor) -> None:
    programs, guardians = kernel_state.bpf_program_ids(), processes_named("stakeout-ttl")
    actor.do("loops 2")
    with storm(actor) as watch:
        watch.wait_hits(10)
        assert kernel_state.bpf_program_ids() - programs
        assert processes_named("stakeout-ttl") - guardians
        watch.kill()
        wait_until(lambda: processes_named("stakeout-ttl") <= guardians, "the guardian has gone too")
        wait_until(kernel_state.all_slots_free, "the slots are free")
        wait_until(lambda: kernel_state.bpf_program_ids() <= programs, "the programs are gone")
    assert actor.do("stop") > 0


def test_killed_while_stopped(actor: Actor) -> None:
    with storm(actor) as watch:
        watch.wait_armed()
        watch.pause()
        watch.kill()
        wait_until(kernel_state.all_slots_free, "the slots are free")


def test_killed_with_a_program_that_it_started(actor: Actor) -> None:
    with Watch("--symbol", "counter", command=actor.argv + ["loops 1", "stop", "count 1"]) as watch:
        watch.wait_hits(1)
        watch.kill()
        wait_until(kernel_state.all_slots_free, "the slots are free")


@pytest.mark.parametrize("how", ["exit 0", "exit 3"])
def test_target_exits(actor: Actor, how: str) -> None:
    with storm(actor) as watch:
        watch.wait_armed()
        actor.do("w8 0 5")
        actor.say(how)
        assert watch.wait_exit() == LOST_TARGET
    assert watch.summary["ended_by"] == "target"
    assert f"process {actor.pid} (actor) has ended" in watch.summary["reason"]
    assert watch.summary["hits"] == len(watch.hits()) >= 4


def test_target_is_killed_in_a_storm(actor: Actor) -> None:
    actor.do("loops 2")
    with storm(actor) as watch:
        watch.wait_hits(10)
        os.kill(actor.pid, signal.SIGKILL)
        assert watch.wait_exit() == LOST_TARGET
    # The process had ended before most hits were shown: its frames are told all the same.
    assert watch.hits()[-1]["user_stack"][0]["symbol"] == "loop"


def test_exec_of_the_target(actor: Actor) -> None:
    with storm(actor) as watch:
        watch.wait_armed()
        actor.do("w8 0 5")
        actor.say("exec")
        actor.read_greeting()
        assert watch.wait_exit() == LOST_TARGET
    assert f"process {actor.pid}" in watch.summary["reason"] and "exec" in watch.summary["reason"]
    assert actor.do("w8 0 5") == 5


def test_exec_of_a_program_at_fixed_addresses() -> None:
    """The new program's variable has the same address: its writes are not the old one's."""
    with Actor("actor_fixed") as fixed, storm(fixed) as watch:
        watch.wait_armed()
        fixed.do("w8 0 5")
        fixed.say("exec")
        fixed.read_greeting()
        fixed.do("w8 0 7")
        assert watch.wait_exit() == LOST_TARGET
        assert watch.summary["hits"] == 5


def test_slots_are_shared_and_named(actor: Actor) -> None:
    with storm(actor) as first, storm(actor) as second:
        first.wait_armed()
        second.wait_armed()
        seen = json.loads(run("slots", "-o", "json").stdout)
        assert all(cpu["used"] >= 2 for cpu in seen["cpus"])
        assert {first.pid, second.pid} <= {holder["pid"] for holder in seen["holders"]}
        made = actor.do("w8 0 10")
        assert len(exactly(first, actor, made)) == len(exactly(second, actor, made))

"""Memory that a script takes along: in the exception, in softirq, in the task's context."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actor import Actor
from checks import judged
from scripts import SCRIPTS, memory, no_task_context, of_actor
from stakeout_run import Watch


@pytest.mark.parametrize(("length", "refused"), [(64, 0), (1, 0), (17, 0), (4072, 0), (4073, 1), (4096, 2)])
def test_snapshot_is_what_the_program_holds(actor: Actor, length: int, refused: int) -> None:
    for offset in range(8, 4096, 97):
        actor.do(f"w1 {offset} 1")
    with of_actor(actor, "snapshots.c", user=actor.address(), bytes=length) as watch:
        watch.wait_armed()
        actor.do("w8 0 3")
        hits = judged(watch, actor, 3, None)
    taken = hits[-1]["snapshots"]
    assert taken[0] == {"address": f"{actor.address():#x}", "length": length, "bytes": memory(actor, actor.address(), length).hex()}
    assert hits[-1].get("snapshots_refused", 0) == refused == 3 - len(taken)
    name = b"actor".ljust(16, b"\0").hex()
    if refused < 2:
        assert taken[1]["bytes"] == name
    if refused == 0:
        assert taken[2] == {"address": "0x10", "length": 8, "unreadable": True}
    assert [one["bytes"] for one in hits[-1]["followup"]["snapshots"]] == [name]


def test_snapshots_in_text(actor: Actor) -> None:
    arguments = ("--pid", str(actor.pid), "--addr", f"{actor.address():#x}", "--len", "8", "--w", "--count", "1")
    parameters = ("--script", str(SCRIPTS / "snapshots.c"), "--param", f"user={actor.address()}")
    with Watch(*arguments, *parameters, json_output=False) as watch:
        watch.wait_for(lambda: "armed for" in watch.stderr, "it is armed")
        actor.do("w8 0 3")
        assert watch.wait_exit() == 0
    text = "\n".join(watch.lines)
    assert f"64 bytes at {actor.address():#x}" in text and "8 bytes at 0x10: cannot be read" in text
    assert text.count("16 bytes at 0xffff") == 2 and text.count("actor...") == 2


def test_user_memory_that_is_not_there(actor: Actor) -> None:
    with of_actor(actor, "snapshots.c", user=0x1000) as watch:
        watch.wait_armed()
        actor.do("w8 0 1")
        hits = watch.wait_hits(1)
    assert hits[0]["snapshots"][0] == {"address": "0x1000", "length": 64, "unreadable": True}


SEVENTEEN = """
#include <stakeout.h>
on_hit(h) {
    for (int i = 0; i < 17; i++) snapshot_user(h, h->address + 8 * i, 8);
    return keep;
}
"""


def test_sixteen_snapshots(actor: Actor, tmp_path: Path) -> None:
    (tmp_path / "script.c").write_text(SEVENTEEN)
    with of_actor(actor, tmp_path / "script.c") as watch:
        watch.wait_armed()
        actor.do("w8 0 2")
        hits = judged(watch, actor, 2, None)
    assert [int(one["address"], 16) - actor.address() for one in hits[0]["snapshots"]] == list(range(0, 128, 8))
    assert hits[0]["snapshots_refused"] == 1


POINTERS = """
#include <stakeout.h>
struct fields { u32 group; };
on_hit(h) {
    struct cred *now = (struct cred *)h->new;
    snapshot(h, &now->egid, sizeof(now->egid));
    struct user_namespace *space = BPF_CORE_READ(now, user_ns);
    snapshot(h, &space->level, sizeof(space->level));
    fields(h)->group = BPF_CORE_READ(now, egid.val);
    defer(h, 0);
    return keep;
}
on_followup(f) {
    struct cred *now = BPF_CORE_READ((struct task_struct *)f->task, cred);
    snapshot(f, &now->egid, sizeof(now->egid));
    return keep;
}
"""


def test_structure_behind_the_pointer_that_was_written(actor: Actor, tmp_path: Path) -> None:
    (tmp_path / "script.c").write_text(POINTERS)
    groups = [1234567, 89, os.getegid()]
    with Watch("--object", f"task({actor.pid})->cred", "--w", "--script", str(tmp_path / "script.c")) as watch:
        watch.wait_armed()
        for group in groups:
            assert actor.do(f"group {group}") == 0
            watch.wait_hits(groups.index(group) + 1)  # its follow-up has seen these credentials
        hits = judged(watch, actor, 3, None)
    for hit, group in zip(hits, groups, strict=True):
        assert hit["fields"] == {"group": group}
        assert hit["snapshots"][0]["bytes"] == group.to_bytes(4, "little").hex() == hit["followup"]["snapshots"][0]["bytes"]
        assert hit["snapshots"][1]["bytes"] == "00000000"  # the first user namespace


def test_program_memory_behind_a_pointer(actor: Actor, tmp_path: Path) -> None:
    (tmp_path / "script.c").write_text("#include <stakeout.h>\non_hit(h) { snapshot_user(h, h->new, 24); return keep; }\n")
    actor.do("w8 8 1")
    actor.do("w8 16 1")
    with Watch("--object", f"task({actor.pid})->clear_child_tid", "--w", "--script", str(tmp_path / "script.c")) as watch:
        watch.wait_armed()
        actor.do("set_tid 3")
        hits = judged(watch, actor, 3, None)
    assert [one["snapshots"][0]["bytes"] for one in hits] == [memory(actor, actor.address(offset=8 * i), 24).hex() for i in (1, 2, 3)]


# ---- in the task's context ----


@pytest.fixture
def task_context() -> None:
    if reason := no_task_context():
        pytest.skip(reason)


def test_memory_that_has_to_be_paged_in(actor: Actor, task_context: None) -> None:
    untouched = actor.do("map")
    with of_actor(actor, "snapshots.c", user=untouched, bytes=16) as watch:
        watch.wait_armed()
        actor.do("w8 0 1")
        assert watch.wait_hits(1)[0]["snapshots"][0].get("unreadable"), "the page is there: nothing to prove"
        assert watch.stop() == 0
    with of_actor(actor, "in_task.c", user=untouched) as watch:
        watch.wait_armed()
        hits = judged(watch, actor, actor.do("w8 0 4"), None)
    with open(actor.argv[0], "rb") as file:
        begins = file.read(16).hex()
    for hit in hits:
        look = hit["task_look"]
        assert look["snapshots"] == [{"address": f"{untouched:#x}", "length": 16, "bytes": begins}]
        assert look["tid"] == look["fields"]["tid"] == hit["tid"] == hit["fields"]["tid"] == actor.pid
    assert watch.summary["task_looks"] == {"looked": len(hits), "missed": 0}


def test_looks_in_the_task_under_a_hot_writer(actor: Actor, task_context: None) -> None:
    target = ("--pid", str(actor.pid), "--addr", actor.facts["counter"], "--len", "8", "--w", "--no-brake")
    with Watch(*target, "--script", str(SCRIPTS / "in_task.c"), "--param", f"user={actor.address()}") as watch:
        watch.wait_armed()
        actor.do("hire 2")
        hits = judged(watch, actor, actor.do("work 300"), None)
    looked = [hit for hit in hits if "task_look" in hit]
    missed = [hit for hit in hits if hit.get("followup_missed")]
    assert len(looked) + len(missed) == len(hits)
    assert watch.summary["task_looks"] == {"looked": len(looked), "missed": len(missed)}
    assert all(hit["task_look"]["tid"] == hit["tid"] for hit in looked)

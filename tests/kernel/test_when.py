"""--when: an expression over a hit's numbers and the target's fields says which hits are wanted."""

from __future__ import annotations

import os
import resource
from typing import Callable

import pytest

from actor import Actor
from checks import balanced, judged, written
from rules import of_actor, refused
from stakeout_run import Watch

# ---- numbers ----


@pytest.mark.parametrize(("expression", "wanted"), [
    ("new % 3 == 1", lambda value: value % 3 == 1),
    ("old == 0 || new == 10", lambda value: value in (1, 10)),
    ("delta == 1 && new >= 0xf", lambda value: value >= 15),
    ("delta > 1", lambda value: False),
    ("hits > 5 && hits <= 9", lambda value: 5 < value <= 9),
    ("pid == PID && tid == pid && pid != 1", lambda value: True),
    ('comm == "actor" && new < 4', lambda value: value < 4),
    ('comm != "actor"', lambda value: False),
    ("width == 8 && !(new & 1)", lambda value: value % 2 == 0),
    ("(u8)new << 60 >> 63", lambda value: value & 8),
    ("ip >= WATCHED && ip < WATCHED + 4096", lambda value: False),
    ("cpu == 0 || cpu == 1 ? new == 7 : new == 7", lambda value: value == 7),
    ('access == "write" && new > 18', lambda value: value > 18),
    ('access == "read"', lambda value: False),
])
def test_when(actor: Actor, expression: str, wanted: Callable[[int], bool]) -> None:
    expression = expression.replace("PID", str(actor.pid)).replace("WATCHED", f"{actor.address():#x}")
    shown = [value for value in range(1, 21) if wanted(value)]
    with of_actor(actor, "--when", expression) as watch:
        watch.wait_armed()
        made = actor.do("w8 0 20")
        judged(watch, actor, made, shown, in_kernel={"when": made - len(shown)})


def test_when_of_signed_numbers(actor: Actor) -> None:
    # An address has no type; delta is signed all the same.
    with of_actor(actor, "--when", "delta < 0 || (s8)new < 0") as watch:
        watch.wait_armed()
        actor.do("w8 0 200")
        actor.do("same 0 1")
        judged(watch, actor, 201, [*range(128, 201), 7], in_kernel={"when": 127})


def test_when_what_cannot_be_known_in_the_kernel_is_judged_by_the_reader(actor: Actor) -> None:
    with of_actor(actor, "--when", 'access == "read" && new != 3', access="--rw") as watch:
        watch.wait_armed()
        made = sum(actor.do(command) for command in ("w8 0 2", "r8 0 4", "w8 0 1", "r8 0 4", "same 0 1", "r8 0 1"))
        hits = judged(watch, actor, made, None, by_reader={"when": 8})
    assert {hit["access"] for hit in hits} == {"read"}
    assert actor.sigtraps() or written(hits) == [2, 2, 2, 2, 7]


def test_when_without_access_is_judged_in_the_kernel_with_rw_too(actor: Actor) -> None:
    with of_actor(actor, "--when", "new == 2", access="--rw") as watch:
        watch.wait_armed()
        made = actor.do("w8 0 2") + actor.do("r8 0 3") + actor.do("w8 0 1")
        judged(watch, actor, made, [2, 2, 2, 2], in_kernel={"when": 2})


@pytest.mark.parametrize(("rules", "commands", "shown"), [
    (("--when", "new % 10 == 0"), ["w8 0 100"], [10, 20, 30]),
    (("--changed",), ["same 0 50", "w8 0 50"], [7, 1, 2]),
    (("--only-from", "store_8"), ["w4 0 50", "w8 0 50"], [51, 52, 53]),
    (("--comm-match", "^actor$"), ["w8 0 50"], [1, 2, 3]),
    (("--comm-match", "^a.*r$"), ["w8 0 50"], [1, 2, 3]),
    (("--stack-match", "^store_8$"), ["w4 0 50", "w8 0 50"], [51, 52, 53]),
    (("--rw", "--when", 'access == "read"'), ["w8 0 50", "r8 0 50"], [50, 50, 50]),
])
def test_count_is_of_what_is_shown(actor: Actor, rules: tuple[str, ...], commands: list[str], shown: list[int]) -> None:
    access, rules = ("--rw", rules[1:]) if rules[0] == "--rw" else ("--w", rules)
    with of_actor(actor, *rules, "--count", "3", access=access) as watch:
        watch.wait_armed()
        for command in commands:
            actor.do(command)
        assert watch.wait_exit() == 0
    assert watch.summary["ended_by"] == "count"
    assert len(watch.hits()) == 3
    assert actor.sigtraps() or written(watch.hits()) == shown


@pytest.mark.parametrize(("expression", "caret", "words"), [
    ("new = 5", 4, "=="),
    ("new +", 5, "ends"),
    ("foo == 1", 0, "foo"),
    ("1 + * 2", 4, ""),
    ("(new", 4, ")"),
    ('comm > "x"', 0, "comm"),
    ('comm == "sixteen letters!"', 8, "15"),
    ('pid == "x"', 7, "string"),
    ('access == "reads"', 10, "read"),
    ("new == 99999999999999999999", 7, "64 bits"),
    ("new.x == 1", 0, "type"),
    ("new == 'a", 7, ""),
    ("new == 1; drop", 8, ""),
    ("hits++", 4, "only looks"),
])
def test_bad_expression_shows_the_place(actor: Actor, expression: str, caret: int, words: str) -> None:
    said = refused(actor, "--when", expression)
    lines = said.splitlines()
    at = lines.index("  " + expression)
    assert lines[at + 1].index("^") - 2 == caret, said
    assert words in said


@pytest.mark.parametrize("option", ["--when", "--only-from", "--not-from", "--comm-match", "--stack-match", "--script"])
def test_empty_rule_is_not_all_hits(actor: Actor, option: str) -> None:
    # As of a shell variable that is not set.
    assert option in refused(actor, option, "")


# ---- fields of the target ----


def test_fields_behind_a_pointer(actor: Actor) -> None:
    target = f"task({actor.pid})->cred"
    groups = [5, 7, 9, 7, os.getegid()]
    with Watch("--object", target, "--w", "--when", "new->egid.val == 7 && old->egid.val != new->egid.val") as watch:
        watch.wait_armed()
        for group in groups:
            assert actor.do(f"group {group}") == 0
        hits = judged(watch, actor, len(groups), None, in_kernel={"when": 3})
    assert [hit["seq"] for hit in hits] == [2, 4]
    assert {hit["pid"] for hit in hits} == {actor.pid}


def test_structure_of_16_bytes(actor: Actor) -> None:
    target = f"task({actor.pid})->signal->rlim[{resource.RLIMIT_NOFILE}]"
    soft, hard = resource.prlimit(actor.pid, resource.RLIMIT_NOFILE)
    with Watch("--object", target, "--w", "--when", "new.rlim_cur == 77 && old.rlim_cur != 77") as watch:
        assert watch.wait_armed()["targets"][0]["width"] == 16
        for limit in (76, 77, 78, 77, 76):
            resource.prlimit(actor.pid, resource.RLIMIT_NOFILE, (limit, hard))
        assert watch.stop() == 0
    balanced(watch)
    assert [int(hit["new"], 16) & 2**64 - 1 for hit in watch.hits()] == [77, 77]
    assert [int(hit["old"], 16) & 2**64 - 1 for hit in watch.hits()] == [76, 78]
    assert watch.summary["dropped_in_kernel"]["when"] >= 3


def test_structure_of_32_bytes(actor: Actor) -> None:
    with open(actor.argv[0], "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_NORMAL)
        with Watch("--object", f"file({os.getpid()},{file.fileno()})->f_ra", "--w",
                   "--when", "new.ra_pages == 2 * old.ra_pages && new.prev_pos == -1") as watch:
            armed = watch.wait_armed()["targets"][0]
            if armed["width"] != 32:
                pytest.skip(f"struct file_ra_state has {armed['width']} bytes here")
            if int(armed["value"], 16) >> 128 & 0xFFFFFFFF == 0:
                pytest.skip("the file system does not read ahead")
            for advice in (os.POSIX_FADV_NORMAL, os.POSIX_FADV_SEQUENTIAL, os.POSIX_FADV_NORMAL):
                os.posix_fadvise(file.fileno(), 0, 0, advice)
            assert watch.stop() == 0
    balanced(watch)
    assert [hit["seq"] for hit in watch.hits()] == [2]


def test_fields_of_several_targets(actor: Actor) -> None:
    with Actor() as other:
        targets = [f"task({one.pid})->cred" for one in (actor, other)]
        with Watch("--object", targets[0], "--object", targets[1], "--when", "new->egid.val == 7") as watch:
            watch.wait_armed()
            for one in (actor, other, other):
                assert one.do("group 6") == one.do("group 7") == 0
            judged(watch, actor, 6, None, in_kernel={"when": 3})
        assert [hit["target"] for hit in watch.hits()] == [targets[0], targets[1], targets[1]]


def test_numbers_of_several_targets(actor: Actor) -> None:
    first, second = (f"{actor.address(offset=offset):#x}" for offset in (0, 64))
    ranges = ("--addr", f"{first}-{int(first, 16) + 8:#x}", "--addr", f"{second}-{int(second, 16) + 4:#x}")
    with Watch("--pid", str(actor.pid), *ranges, "--w", "--when", "width == 4 && new > 11 || width == 8 && new < 3") as watch:
        watch.wait_armed()
        made = actor.do("w8 0 10") + actor.do("w4 64 5")
        judged(watch, actor, made, [1, 2, 12, 13, 14, 15], in_kernel={"when": 9})


@pytest.mark.parametrize(("field", "words"), [
    ("new->egid == 7 && new->no_such_field", "no_such_field"),
    ("new.egid == 7", "->egid"),
])
def test_wrong_field_shows_the_place(actor: Actor, field: str, words: str) -> None:
    said = refused(actor, "--when", field, target=("--object", f"task({actor.pid})->cred", "--w"))
    assert "^" in said.splitlines()[-1] and words in said


def test_reader_cannot_follow_pointers(actor: Actor) -> None:
    said = refused(actor, "--when", 'access == "read" && new->egid.val', target=("--object", f"task({actor.pid})->cred", "--rw"))
    assert "--w" in said

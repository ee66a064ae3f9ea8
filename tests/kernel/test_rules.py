"""Which hits are wanted: --when, --changed, --only-from, --not-from, --comm-match, --stack-match.

Whatever a rule drops is counted, by the rule, in the kernel or by the reader; `hits` counts every access all the same.
"""

from __future__ import annotations

import ctypes
import os
import resource
from typing import Callable

import pytest

from actor import Actor
from checks import balanced, judged, symbols, written
from stakeout_run import Watch, run, wait_until

USAGE = 2
SYS_PIDFD_GETFD = 438  # x86-64


def of_actor(actor: Actor, *rules: str, access: str = "--w") -> Watch:
    """A watch of the first 8 bytes of the actor's memory."""
    return Watch("--pid", str(actor.pid), "--addr", f"{actor.address():#x}", "--len", "8", access, *rules)


def refused(actor: Actor, *rules: str, target: tuple[str, ...] = ()) -> str:
    """The watch cannot be asked for like that; what stakeout says."""
    where = target or ("--pid", str(actor.pid), "--addr", f"{actor.address():#x}", "--len", "8", "--w")
    ended = run("watch", *where, *rules)
    assert ended.returncode == USAGE, ended.stderr
    assert ended.stderr.startswith("stakeout: cannot "), ended.stderr
    return ended.stderr


# ---- --when: numbers ----


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


# ---- --when: fields of the target ----


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


# ---- --changed ----


def test_changed(actor: Actor) -> None:
    with of_actor(actor, "--changed") as watch:
        watch.wait_armed()
        made = actor.do("same 0 10") + actor.do("w8 0 5") + actor.do("same 0 10")
        judged(watch, actor, made, [7, 1, 2, 3, 4, 5, 7], in_kernel={"changed": 18})


def test_changed_leaves_reads_out(actor: Actor) -> None:
    with of_actor(actor, "--changed", access="--rw") as watch:
        watch.wait_armed()
        made = actor.do("w8 0 3") + actor.do("r8 0 10")
        judged(watch, actor, made, [1, 2, 3], in_kernel={"changed": 10})


def test_changed_of_a_kernel_object(actor: Actor) -> None:
    fd = actor.do("open 1000")
    with Watch("--object", f"file({actor.pid},{fd})->f_pos", "--changed", "--w") as watch:
        watch.wait_armed()
        for position in (3, 3, 5, 5, 0):
            actor.do(f"seek {fd} {position}")
        assert watch.stop() == 0
    balanced(watch)
    assert written(watch.hits()) == [3, 5, 0]


def test_changed_and_execute(actor: Actor) -> None:
    assert "--x" in refused(actor, "--x", "--changed")


# ---- --only-from, --not-from ----


@pytest.mark.parametrize(("rule", "shown"), [
    (("--only-from", "store_8"), range(1, 6)),
    (("--only-from", "store_8,store_1"), [*range(1, 6), *range(11, 16)]),
    (("--not-from", "store_8"), range(6, 16)),
    (("--not-from", "store_8,store_1"), range(6, 11)),
    (("--only-from", "actor:store_4"), range(6, 11)),
    (("--only-from", "store_8,store_4", "--not-from", "store_4"), range(1, 6)),
    (("--not-from", "ksys_read"), range(1, 16)),
])
def test_functions_of_the_process(actor: Actor, rule: tuple[str, ...], shown: list[int]) -> None:
    with of_actor(actor, *rule) as watch:
        watch.wait_armed()
        made = actor.do("w8 0 5") + actor.do("w4 0 5") + actor.do("w1 0 5")
        judged(watch, actor, made, list(shown), in_kernel={"from": 15 - len(shown)})


def test_functions_of_the_kernel(actor: Actor) -> None:
    fd = actor.do("open 1000")
    target = ("--object", f"file({actor.pid},{fd})->f_pos", "--w")

    def accesses() -> None:
        actor.do(f"read {fd} 10 5")
        actor.do(f"seek {fd} 1")

    with Watch(*target) as watch:  # which functions they are differs between kernels
        watch.wait_armed()
        accesses()
        assert watch.stop() == 0
    reader, seeker = (symbols(watch.hits()[at]["kernel_stack"])[0] for at in (0, -1))
    assert reader != seeker
    actor.do(f"seek {fd} 0")
    for rule, expected in (("--only-from", [10, 20, 30, 40, 50]), ("--not-from", [1])):
        actor.do(f"seek {fd} 0")
        with Watch(*target, rule, reader) as watch:
            watch.wait_armed()
            accesses()
            hits = judged(watch, actor, 6, expected, in_kernel={"from": 6 - len(expected)})
        assert {symbols(hit["kernel_stack"])[0] for hit in hits} == {reader if rule == "--only-from" else seeker}


def test_kernel_copies_into_a_process_by_function(actor: Actor) -> None:
    # The instruction that writes is the kernel's own, in whichever function copies.
    with of_actor(actor, "--not-from", "store_8") as watch:
        watch.wait_armed()
        actor.do("w8 0 3")
        actor.do("pipe 0 8 2")
        assert watch.stop() == 0
    balanced(watch)
    assert written(watch.hits()) == [4, 5] and {hit["mode"] for hit in watch.hits()} == {"kernel"}
    assert watch.summary["dropped_in_kernel"] == {"from": 3}


def test_unknown_function_has_near_names(actor: Actor) -> None:
    assert "store_8" in refused(actor, "--only-from", "stor_8").split("near names:")[1]
    target = ("--object", f"task({actor.pid})->cred")
    assert "commit_creds" in refused(actor, "--not-from", "commit_cred", target=target).split("near names:")[1]
    assert "none" in refused(actor, "--not-from", ",", target=target)


# ---- --comm-match, --stack-match ----


@pytest.mark.parametrize(("pattern", "matches", "where"), [
    ("^actor$", True, "dropped_in_kernel"),
    ("^(actor|other)$", True, "dropped_in_kernel"),
    ("^act", True, "dropped_in_kernel"),
    ("^actor_$", False, "dropped_in_kernel"),
    ("^(other|more)$", False, "dropped_in_kernel"),
    ("^ctor", False, "dropped_in_kernel"),
    ("^acto$", False, "dropped_in_kernel"),
    ("c.o", True, "dropped_by_reader"),
    ("[xyz]", False, "dropped_by_reader"),
    ("(?i)^ACTOR$", True, "dropped_by_reader"),
])
def test_comm_match(actor: Actor, pattern: str, matches: bool, where: str) -> None:
    with of_actor(actor, "--comm-match", pattern) as watch:
        watch.wait_armed()
        made = actor.do("w8 0 5")
        in_kernel = where == "dropped_in_kernel"
        judged(watch, actor, made, [1, 2, 3, 4, 5] if matches else [], in_kernel={"comm": 0 if matches else 5} if in_kernel else {},
               by_reader={} if in_kernel else {"comm": 0 if matches else 5})


@pytest.mark.parametrize("pattern", ["^actor$", "^a.tor$"])
def test_comm_match_tells_two_processes_apart(actor: Actor, pattern: str) -> None:
    fd = actor.do("open 1000")
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(actor.pid)
    mine = libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)  # the same open file, in this process
    assert mine >= 0, os.strerror(ctypes.get_errno())
    try:
        with Watch("--object", f"file({actor.pid},{fd})->f_pos", "--w", "--comm-match", pattern) as watch:
            watch.wait_armed()
            os.lseek(mine, 1, os.SEEK_SET)
            actor.do(f"seek {fd} 2")
            os.lseek(mine, 3, os.SEEK_SET)
            dropped = {"comm": 2}
            judged(watch, actor, 3, [2], *((dropped, {}) if pattern == "^actor$" else ({}, dropped)))
    finally:
        os.close(mine)
        os.close(pidfd)


@pytest.mark.parametrize(("pattern", "shown"), [("^store_8$", [1, 2, 3]), ("store_[48]", [1, 2, 3, 4, 5]), ("^main$", [1, 2, 3, 4, 5]),
                                                ("^called$", [])])
def test_stack_match(actor: Actor, pattern: str, shown: list[int]) -> None:
    with of_actor(actor, "--stack-match", pattern) as watch:
        watch.wait_armed()
        made = actor.do("w8 0 3") + actor.do("w4 0 2")
        judged(watch, actor, made, shown, by_reader={"stack": 5 - len(shown)})


def test_stack_match_in_the_kernel(actor: Actor) -> None:
    fd = actor.do("open 1000")
    with Watch("--object", f"file({actor.pid},{fd})->f_pos", "--w", "--stack-match", "^ksys_lseek$") as watch:
        watch.wait_armed()
        actor.do(f"read {fd} 10 5")
        actor.do(f"seek {fd} 77")
        judged(watch, actor, 6, [77], by_reader={"stack": 5})


@pytest.mark.parametrize("option", ["--comm-match", "--stack-match"])
def test_no_regular_expression(actor: Actor, option: str) -> None:
    assert "no regular expression" in refused(actor, option, "(")


def test_stack_match_needs_stacks(actor: Actor) -> None:
    assert "--no-stack" in refused(actor, "--stack-match", "x", "--no-stack")


# ---- together, and on two CPUs ----


def test_all_rules_together(actor: Actor) -> None:
    rules = ("--changed", "--only-from", "store_8,store_same", "--comm-match", "^actor$", "--when", "new != 4",
             "--stack-match", "^store_8$")
    with of_actor(actor, *rules) as watch:
        watch.wait_armed()
        made = sum(actor.do(command) for command in ("w8 0 5", "w4 0 2", "same 0 3"))
        # 1 to 5 by store_8, of which 4 is not wanted; 6 and 7 by store_4; 7 thrice: nothing changes.
        judged(watch, actor, made, [1, 2, 3, 5], in_kernel={"changed": 3, "from": 2, "when": 1}, by_reader={})


def test_reader_and_kernel_count_apart(actor: Actor) -> None:
    with of_actor(actor, "--when", "new & 1", "--stack-match", "^store_4$") as watch:
        watch.wait_armed()
        made = actor.do("w8 0 4") + actor.do("w4 0 4")
        judged(watch, actor, made, [5, 7], in_kernel={"when": 4}, by_reader={"stack": 2})


def test_two_cpus_at_once(actor: Actor) -> None:
    target = ("--pid", str(actor.pid), "--addr", actor.facts["counter"], "--len", "8", "--w", "--no-brake")
    with Watch(*target, "--when", "new % 5 == 0") as watch:
        watch.wait_armed()
        actor.do("hire 2")
        made = actor.do("work 500")
        lost = actor.sigtraps()
        assert watch.stop() == 0
    balanced(watch)
    assert watch.summary["hits"] == made - lost
    shown = written(watch.hits())
    assert all(value % 5 == 0 for value in shown)
    assert shown  # how many depends on which CPU was first at the memory, by the time of its exception
    assert watch.summary["dropped_in_kernel"]["when"] == made - lost - len(shown)
    assert {hit["cpu"] for hit in watch.hits()} == set(os.sched_getaffinity(actor.pid)) & {0, 1}


def test_one_of_two_cpus(actor: Actor) -> None:
    if os.cpu_count() == 1:
        pytest.skip("one CPU only")
    target = ("--pid", str(actor.pid), "--addr", actor.facts["counter"], "--len", "8", "--w", "--no-brake")
    with Watch(*target, "--when", "cpu == 1") as watch:
        watch.wait_armed()
        actor.do("hire 2")
        made = actor.do("work 200")
        lost = actor.sigtraps()
        assert watch.stop() == 0
    balanced(watch)
    assert watch.summary["hits"] == made - lost
    assert {hit["cpu"] for hit in watch.hits()} == {1}
    assert 200 - lost <= len(watch.hits()) <= 200


def test_storm_under_a_rule(actor: Actor) -> None:
    """Dropped hits are braked and counted as all are."""
    with of_actor(actor, "--when", "new % 1000 == 0") as watch:
        watch.wait_armed()
        actor.do("loops 2")
        watch.wait_records("brake", 3)
        wait_until(lambda: actor.do("progress") > 5000, "the actor goes on")
        actor.do("stop")
        assert watch.stop() == 0
    summary = watch.summary
    assert summary["hits"] == summary["records"] + summary["lost"] + summary["dropped_in_kernel"]["when"]
    assert all(value % 1000 == 0 for value in written(watch.hits()))

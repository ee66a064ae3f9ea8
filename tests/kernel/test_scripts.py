"""Monitor scripts: parameters, state, fields, callers, stop, files. Snapshots and foreign programs have files of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from actor import Actor
from checks import balanced, judged, written
from scripts import SCRIPTS, NothingLeft, of_actor
from stakeout_run import BINARY, Watch, run

USAGE, CANNOT_ARM = 2, 3


# ---- parameters ----


def test_guard(actor: Actor) -> None:
    with of_actor(actor, "guard.c", low=3, high="0x5", reason="too much") as watch:
        assert watch.wait_armed()["script"].endswith("guard.c")
        hits = judged(watch, actor, actor.do("w8 0 8"), [1, 2, 6, 7, 8], in_kernel={"script": 3})
    if not actor.sigtraps():
        assert [hit["fields"] for hit in hits] == [
            {"offences": count, "beyond": beyond, "first": count == 1, "why": "too much"}
            for count, beyond in enumerate([-2, -1, 1, 2, 3], 1)]


def test_defaults(actor: Actor) -> None:
    with of_actor(actor, "guard.c") as watch:
        watch.wait_armed()
        judged(watch, actor, actor.do("w8 0 12"), [11, 12], in_kernel={"script": 10})
    assert {hit["fields"]["why"] for hit in watch.hits()} == {"out of range"}


ALL_KINDS = """
#include <stakeout.h>
enum kind { first, second };
param(s8, tiny, -1);
param(u16, small, 2);
param(bool, yes, false);
param(enum kind, kind, first);
param(s64, large, 0);
param(char, text[8], "abc");
param(u32, pair[2], {1, 2});
struct fields { s8 tiny; u16 small; bool yes; enum kind kind; s64 large; char text[8]; };
on_hit(h) {
    fields(h)->tiny = tiny;
    fields(h)->small = small;
    fields(h)->yes = yes;
    fields(h)->kind = kind;
    fields(h)->large = large;
    for (int i = 0; i < 8; i++) fields(h)->text[i] = text[i];
    return pair[0] == 1 ? keep : drop;
}
"""


def test_parameters_of_every_kind(actor: Actor, tmp_path: Path) -> None:
    (tmp_path / "kinds.c").write_text(ALL_KINDS)
    with of_actor(actor, tmp_path / "kinds.c", tiny=-128, small="0xffff", yes="true", kind=1, large=-(2**63), text="1234567") as watch:
        watch.wait_armed()
        actor.do("w8 0 1")
        hits = watch.wait_hits(1)
    assert hits[0]["fields"] == {"tiny": -128, "small": 65535, "yes": True, "kind": "second", "large": -(2**63), "text": "1234567"}


@pytest.mark.parametrize(("given", "words"), [
    ("nothing=1", "it has: "), ("tiny", "NAME=VALUE"), ("=1", "NAME=VALUE"), ("tiny=", "a number"), ("tiny=x", "a number"),
    ("tiny=1x", "a number"), ("tiny=128", "8 bits"), ("tiny=-129", "8 bits"), ("small=-1", "16 bits"), ("small=65536", "16 bits"),
    ("large=9223372036854775808", "64 bits"), ("large=99999999999999999999", ""), ("yes=2", "true or false"),
    ("text=12345678", "7 characters"), ("pair=1", "neither"),
])
def test_wrong_parameter(actor: Actor, tmp_path: Path, given: str, words: str) -> None:
    (tmp_path / "kinds.c").write_text(ALL_KINDS)
    with NothingLeft():
        for ended in (run("check", str(tmp_path / "kinds.c"), "--param", given),
                      run("watch", "--pid", str(actor.pid), "--addr", f"{actor.address():#x}", "--len", "8", "--script",
                          str(tmp_path / "kinds.c"), "--param", given)):
            assert ended.returncode == USAGE, ended.stderr
            assert words in ended.stderr and given.split("=")[0] in ended.stderr, ended.stderr


def test_parameter_without_a_script(actor: Actor) -> None:
    ended = run("watch", "--symbol", "jiffies_64", "--param", "low=1")
    assert ended.returncode == USAGE and "--script" in ended.stderr


# ---- state and fields ----


def test_fields_by_name_and_type(actor: Actor) -> None:
    with of_actor(actor, "state.c") as watch:
        watch.wait_armed()
        hits = judged(watch, actor, actor.do("w8 0 20"), list(range(1, 21)))
    tasks = {hit["fields"].pop("task") for hit in hits}
    assert len(tasks) == 1 and int(tasks.pop(), 16) >> 47 == 2**17 - 1
    for number, hit in enumerate(hits, 1):
        fields, value = hit["fields"], int(hit["new"], 16)
        assert fields.pop("of_cpu") <= number and fields.pop("of_key") >= 1
        assert fields == {"of_watch": number, "parity": "odd" if value & 1 else "even", "bits.first": value & 15,
                          "bits.second": value * 16 & 4095, "bytes[0]": value, "bytes[1]": 0, "bytes[2]": 0}


def test_fields_in_text(actor: Actor) -> None:
    arguments = ("--pid", str(actor.pid), "--addr", f"{actor.address():#x}", "--len", "8", "--w", "--count", "2")
    with Watch(*arguments, "--script", str(SCRIPTS / "state.c"), json_output=False) as watch:
        watch.wait_for(lambda: "armed for" in watch.stderr, "it is armed")
        actor.do("w8 0 20")
        assert watch.wait_exit() == 0
    lines = [line.split() for line in watch.lines if line.strip().startswith("fields")]
    assert len(lines) == 2, watch.lines
    for number, words in enumerate(lines, 1):
        told = dict(zip(words[1::2], words[2::2]))
        assert told["of_watch"] == str(number)
        assert (told["parity"], told["bits.second"], told["bytes[0]"]) == (f'"{"odd" if number & 1 else "even"}"', str(16 * number), str(number))
        assert told["task"].startswith("0xffff")


def test_state_of_two_cpus(actor: Actor) -> None:
    target = ("--pid", str(actor.pid), "--addr", actor.facts["counter"], "--len", "8", "--w", "--no-brake")
    with Watch(*target, "--script", str(SCRIPTS / "state.c")) as watch:
        watch.wait_armed()
        actor.do("hire 2")
        made = actor.do("work 300")
        hits = judged(watch, actor, made, None)
    # Taken from one variable, in whatever order: each number once.
    assert sorted(hit["fields"]["of_watch"] for hit in hits) == list(range(1, len(hits) + 1))
    for cpu in {hit["cpu"] for hit in hits}:
        own = [hit["fields"]["of_cpu"] for hit in hits if hit["cpu"] == cpu]
        assert own == list(range(1, len(own) + 1))


def test_keys_not_used_for_longest_are_forgotten(actor: Actor) -> None:
    with of_actor(actor, "state.c", "--no-brake") as watch:
        watch.wait_armed()
        made = actor.do("w8 0 400")  # four keys in turn, with room for two
        hits = judged(watch, actor, made, list(range(1, 401)))
    exact = Counter[int]()
    forgotten = 0
    for hit in hits:
        key = int(hit["new"], 16) & 3
        exact[key] += 1
        assert 1 <= hit["fields"]["of_key"] <= exact[key]
        forgotten += hit["fields"]["of_key"] < exact[key]
    assert forgotten > 0


def test_key_in_use_is_kept(actor: Actor) -> None:
    with of_actor(actor, "state.c", "--no-brake") as watch:
        watch.wait_armed()
        hits = judged(watch, actor, actor.do("same 0 100"), None)
    assert [hit["fields"]["of_key"] for hit in hits] == list(range(1, len(hits) + 1))


# ---- who called ----


def test_callers(actor: Actor) -> None:
    with of_actor(actor, "callers.c") as watch:
        watch.wait_armed()
        actor.do("w8 0 2")
        actor.do("w4 0 2")
        actor.do("pipe 0 8 2")
        assert watch.stop() == 0
    balanced(watch)
    told = [tuple(hit["fields"].values()) for hit in watch.hits()]
    assert actor.sigtraps() or told == [(True, True, False)] * 2 + [(False, True, False)] * 2 + [(False, False, True)] * 2


def test_function_that_nobody_has(actor: Actor, tmp_path: Path) -> None:
    (tmp_path / "script.c").write_text("#include <stakeout.h>\nfunction(stor_8);\non_hit(h) { return from(h, stor_8) ? keep : drop; }\n")
    with NothingLeft(), of_actor(actor, tmp_path / "script.c") as watch:
        assert watch.wait_exit() == USAGE
    assert "stor_8" in watch.stderr and "store_8" in watch.stderr


# ---- stop ----


@pytest.mark.parametrize("silently", [0, 1])
def test_stop_from_the_hit(actor: Actor, silently: int) -> None:
    with of_actor(actor, "stop.c", value=5, silently=silently) as watch:
        watch.wait_armed()
        actor.do("w8 0 50")
        assert watch.wait_exit() == 0
    assert watch.summary["ended_by"] == "script"
    shown = range(1, 5 if silently else 6)
    assert actor.sigtraps() or written(watch.hits()) == list(shown)
    balanced(watch)


@pytest.mark.parametrize("silently", [0, 1])
def test_stop_from_the_followup(actor: Actor, silently: int) -> None:
    """The hot writer goes on; no hit is shown that was made after the follow-up had asked to stop."""
    with of_actor(actor, "stop.c", "--no-brake", value=100, later=1, silently=silently) as watch:
        watch.wait_armed()
        actor.do("loops 1")
        assert watch.wait_exit() == 0
    actor.do("stop")
    assert watch.summary["ended_by"] == "script"
    balanced(watch)
    values = written(watch.hits())
    if silently:
        assert 100 not in values
        look = watch.of_type("followup")
        assert len(look) == 1 and look[0]["hit_dropped"]
        asked_at = look[0]["time_ns"]
    else:
        stopped = next(hit for hit in watch.hits() if int(hit["new"], 16) == 100)
        asked_at = stopped["followup"]["time_ns"]
    assert all(hit["time_ns"] <= asked_at for hit in watch.hits())
    assert watch.summary["followups"]["deferred"] == watch.summary["followups"]["followed"] == 1


# ---- objects, other targets, other rules ----


@pytest.mark.parametrize("name", ["guard", "state"])
def test_object_gives_the_same_hits(actor: Actor, tmp_path: Path, name: str) -> None:
    made = tmp_path / f"{name}.bpf.o"
    assert run("compile", str(SCRIPTS / f"{name}.c"), "-o", str(made)).returncode == 0
    told = []
    for script in (SCRIPTS / f"{name}.c", made):
        with Actor() as fresh, of_actor(fresh, script) as watch:
            watch.wait_armed()
            fresh.do("w8 0 20")
            if fresh.sigtraps():
                pytest.skip("the hypervisor lost an access")
            assert watch.stop() == 0
        told.append([(hit["new"], {key: value for key, value in hit["fields"].items() if key not in ("task", "of_cpu", "of_key")})
                     for hit in watch.hits()])
    assert told[0] == told[1] and told[0]


def test_script_after_the_rules(actor: Actor) -> None:
    with of_actor(actor, "guard.c", "--when", "new % 2 == 0", "--not-from", "store_4", high=4) as watch:
        watch.wait_armed()
        made = actor.do("w8 0 10") + actor.do("w4 0 10")
        judged(watch, actor, made, [6, 8, 10], in_kernel={"when": 5, "from": 10, "script": 2})


def test_script_of_a_kernel_object(actor: Actor) -> None:
    fd = actor.do("open 1000")
    with Watch("--object", f"file({actor.pid},{fd})->f_pos", "--w", "--script", str(SCRIPTS / "guard.c"), "--param", "high=20") as watch:
        watch.wait_armed()
        actor.do(f"read {fd} 10 4")
        judged(watch, actor, 4, [30, 40], in_kernel={"script": 2})


def test_count_is_of_what_the_script_keeps(actor: Actor) -> None:
    with of_actor(actor, "guard.c", "--count", "3", high=10) as watch:
        watch.wait_armed()
        actor.do("w8 0 50")
        assert watch.wait_exit() == 0
    assert actor.sigtraps() or written(watch.hits()) == [11, 12, 13]


def test_two_scripts_at_once(actor: Actor) -> None:
    with of_actor(actor, "guard.c", low=5) as first, of_actor(actor, "guard.c", high=3) as second:
        first.wait_armed()
        second.wait_armed()
        actor.do("w8 0 6")
        lost = actor.sigtraps()
        assert first.stop() == second.stop() == 0
    assert lost or (written(first.hits()), written(second.hits())) == ([1, 2, 3, 4], [4, 5, 6])


# ---- files and privileges ----


@pytest.mark.parametrize(("kind", "words"), [
    ("missing", "cannot be opened"), ("empty", "empty"), ("folder", "read"), ("junk", "compile"), ("elf junk", "no BPF object"),
    ("host's binary", "no BPF object"), ("9 MiB", "8 MiB"), ("endless", "8 MiB"), ("NULs", "neither C source nor a BPF object"),
])
def test_file_that_is_no_script(actor: Actor, tmp_path: Path, kind: str, words: str) -> None:
    path = tmp_path / "script.c"
    contents = {"empty": b"", "junk": bytes(range(1, 256)) * 40, "elf junk": b"\x7fELF" + bytes(range(256)) * 8,
                "9 MiB": b"// far too long\n" * (9 << 16), "NULs": bytes(5000)}
    if kind == "folder":
        path.mkdir()
    elif kind == "endless":
        path = Path("/dev/zero")
    elif kind == "host's binary":
        path = Path("/bin/true")
    elif kind in contents:
        path.write_bytes(contents[kind])
    with NothingLeft():
        for ended in (run("check", str(path)),
                      run("watch", "--pid", str(actor.pid), "--addr", f"{actor.address():#x}", "--len", "8", "--script", str(path))):
            assert ended.returncode in (USAGE, CANNOT_ARM), ended.stderr
            assert ended.stderr.startswith("stakeout: cannot ") and str(path) in ended.stderr, ended.stderr
            assert words in ended.stderr
            assert len(ended.stderr) < 100_000


def test_without_root(actor: Actor, tmp_path: Path) -> None:
    nobody = 65534
    for folder in Path(BINARY).parents:
        if not folder.stat().st_mode & 0o001:
            pytest.skip(f"{folder} is closed to others")
    source = Path("/tmp") / f"stakeout-{os.getpid()}.c"
    shutil.copyfile(SCRIPTS / "guard.c", source)
    source.chmod(0o644)
    try:
        for command in (["check", str(source)], ["watch", "--symbol", "jiffies_64", "--script", str(source)]):
            ended = subprocess.run([BINARY, *command], capture_output=True, text=True, user=nobody, group=nobody, extra_groups=[],
                                   cwd="/", stdin=subprocess.DEVNULL, timeout=60)
            assert ended.returncode == CANNOT_ARM, ended.stderr
            assert "root" in ended.stderr
    finally:
        source.unlink()

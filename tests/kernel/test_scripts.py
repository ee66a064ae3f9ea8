"""Monitor scripts: parameters, state, fields, callers, stop, snapshots, task context, foreign programs, files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Iterator

import pytest

import kernel_state
from actor import Actor
from checks import balanced, judged, written
from scripts import SCRIPTS, NothingLeft, bpftool, memory, no_task_context, of_actor
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


# ---- snapshots ----


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


# ---- programs that know nothing of stakeout ----


class CountedByIp:
    """The map of foreign.c while a watch runs."""

    def __init__(self) -> None:
        self._before = kernel_state.bpf_map_ids()

    def read(self) -> Counter[int]:
        ours = [one["id"] for one in bpftool("map", "show") if one["id"] not in self._before and one.get("name") == "hits_by_ip"]
        assert len(ours) == 1
        entries = bpftool("map", "dump", "id", str(ours[0]))
        return Counter({entry["formatted"]["key"]: entry["formatted"]["value"] for entry in entries})


@pytest.fixture(scope="module")
def host_compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """How anybody compiles for libbpf: clang, and a vmlinux.h by bpftool."""
    clang = shutil.which("clang-19")
    if not clang or not shutil.which("bpftool"):
        pytest.skip("no clang-19 or no bpftool on this machine")
    folder = tmp_path_factory.mktemp("include")
    with (folder / "vmlinux.h").open("w") as header:
        subprocess.run(["bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"], stdout=header, check=True)
    yield [clang, "-g", "-O2", "-target", "bpf", "-D__TARGET_ARCH_x86", f"-I{folder}", "-c"]


def foreign_object(how: str, source: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    made = tmp_path / f"{source.stem}.o"
    if how == "source":
        return source
    if how == "stakeout":
        assert run("compile", str(source), "-o", str(made)).returncode == 0
    else:
        subprocess.run([*request.getfixturevalue("host_compiler"), str(source), "-o", str(made)], check=True)
    return made


@pytest.mark.parametrize("how", ["source", "stakeout", "clang"])
def test_foreign_program(actor: Actor, how: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    script = foreign_object(how, SCRIPTS / "foreign.c", tmp_path, request)
    counted = CountedByIp()
    with of_actor(actor, script, "--when", "new != 3") as watch:
        watch.wait_armed()
        actor.do("w8 0 10")
        actor.do("w4 0 5")
        in_map = counted.read()
        hits = judged(watch, actor, 15, [1, 2, *range(4, 16)], in_kernel={"when": 1})
    assert in_map == Counter(int(hit["ip"], 16) for hit in hits) and len(in_map) == 2
    assert watch.summary.get("script_skipped", 0) == 0


SEVERAL = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} hits_of SEC(".maps");
static __always_inline void count(__u32 which) {
    __u64 *counter = bpf_map_lookup_elem(&hits_of, &which);
    if (counter) __sync_fetch_and_add(counter, 1);
}
SEC("perf_event") int first(struct bpf_perf_event_data *ctx) { count(0); return 1; }
SEC("perf_event") int second(void *ctx) { count(1); return ctx ? 1 : 0; }
SEC("perf_event") int third(void *ctx) { count(2); return 0; }
SEC("kprobe/do_exit") int elsewhere(void *ctx) { count(3); return 0; }
char LICENSE[] SEC("license") = "GPL";
"""


def test_several_foreign_programs_that_return_1(actor: Actor, tmp_path: Path) -> None:
    (tmp_path / "several.c").write_text(SEVERAL)
    before = kernel_state.bpf_map_ids()
    with of_actor(actor, tmp_path / "several.c") as watch:
        assert watch.wait_armed()["left_out"] == ["kprobe/do_exit"]
        actor.do("w8 0 20")
        ours = [one["id"] for one in bpftool("map", "show") if one["id"] not in before and one.get("name") == "hits_of"]
        counts = [entry["formatted"]["value"] for entry in bpftool("map", "dump", "id", str(ours[0]))]
        hits = judged(watch, actor, 20, list(range(1, 21)))
    assert counts == [len(hits)] * 3 + [0]


@pytest.mark.parametrize(("text", "words"), [
    (SEVERAL, "3 perf_event programs"),
    (SEVERAL.replace('SEC("perf_event") int second', "static __attribute__((unused)) int second")
     .replace('SEC("perf_event") int third', "static __attribute__((unused)) int third"), "return something else than 0"),
    ("char LICENSE[] __attribute__((section(\"license\"))) = \"GPL\";\n", "neither an on_hit"),
])
def test_foreign_object_that_cannot_be_taken(actor: Actor, tmp_path: Path, host_compiler: list[str], text: str, words: str) -> None:
    (tmp_path / "several.c").write_text(text)
    made = tmp_path / "several.o"
    subprocess.run([*host_compiler, str(tmp_path / "several.c"), "-o", str(made)], check=True)
    with NothingLeft(), of_actor(actor, made) as watch:
        assert watch.wait_exit() == USAGE
    assert words in watch.stderr


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

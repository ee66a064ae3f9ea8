"""perf_event programs that know nothing of stakeout, taken as they are."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Iterator

import pytest

import kernel_state
from actor import Actor
from checks import judged
from scripts import SCRIPTS, NothingLeft, bpftool, of_actor
from stakeout_run import run

USAGE = 2


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

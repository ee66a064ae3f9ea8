"""Recordings of real hits: read back, by others' rules, and whatever becomes of the recorder."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import pytest

import pprof_profile
from actor import Actor, program
from stakeout_run import Record, Watch, run, wait_until

PROTO = Path(__file__).resolve().parents[2] / "recording" / "recording.proto"


@dataclass
class Recorded:
    path: str
    live: list[Record]  # what the watch printed meanwhile
    armed: Record
    summary: Record

    def export(self, to: str, *more: str) -> bytes:
        out = f"{self.path}.{to}"
        told = run("export", self.path, "--to", to, "--out", out, *more)
        assert (told.returncode, told.stderr) == (0, "")
        assert Path(out).stat().st_mode & 0o777 == 0o600
        return Path(out).read_bytes()

    def hits(self) -> list[Record]:
        return [record for record in map(json.loads, self.export("jsonl").splitlines()) if record["type"] == "hit"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    path = str(tmp_path_factory.mktemp("recording") / "hits.stk")
    with Actor() as actor, Watch("--pid", str(actor.pid), "--symbol", "counter", "--record", path) as watch:
        watch.wait_armed()
        made = actor.do("count 40") - actor.sigtraps()
        assert watch.stop() == 0
        assert len(watch.hits()) == made > 0
        yield Recorded(path, watch.records, watch.armed, watch.summary)


def test_json_is_what_the_watch_printed(recorded: Recorded) -> None:
    again = [json.loads(line) for line in recorded.export("jsonl").splitlines()]
    assert again == recorded.live


def test_anybody_can_read_it(recorded: Recorded) -> None:
    """zstd and protoc, and the schema: no program of ours."""
    for tool in ("zstdcat", "protoc"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool}")
    raw = subprocess.run(["zstdcat", recorded.path], capture_output=True, check=True).stdout
    text = subprocess.run(["protoc", "--decode=stakeout.Recording", f"-I{PROTO.parent}", PROTO.name], input=raw,
                          capture_output=True, check=True).stdout.decode()
    assert len(re.findall(r"^  hit \{$", text, re.MULTILINE)) == len(recorded.hits())
    assert 'symbol' in text and 'count_up' in text
    assert re.search(r"^  summary \{$", text, re.MULTILINE)


def stack_of(hit: Record) -> list[str]:
    return [frame.get("symbol", frame["ip"]) for frame in hit["kernel_stack"] + hit["user_stack"]]


def test_perf_script(recorded: Recorded) -> None:
    """By the rules of stackcollapse-perf.pl: a line that names the task, its event, frames, an empty line."""
    samples = recorded.export("perf-script").decode().split("\n\n")
    assert samples.pop() == ""
    hits = recorded.hits()
    assert len(samples) == len(hits)
    for sample, hit in zip(samples, hits):
        head, *frames = sample.split("\n")
        task = re.match(r"^(\S.+?)\s+(\d+)/*(\d+)*\s+\[(\d+)\]\s+(\d+)\.(\d{6}):", head)
        event = re.search(r":\s*(\d+)*\s+(\S+):\s*$", head)
        assert task and event, head
        assert (task[1], int(task[2]), int(task[3]), int(task[4])) == (hit["comm"], hit["pid"], hit["tid"], hit["cpu"])
        assert int(task[5]) * 10**6 + int(task[6]) == hit["time_ns"] // 1000
        assert event[2] == f"mem:{hit['address']}/{hit['width']}:w"
        told = [re.match(r"^\s*(\w+)\s*(.+) \((.*)\)$", frame) for frame in frames]
        assert all(told), frames
        assert [t[2].rpartition("+0x")[0] or hex(int(t[1], 16)) for t in told if t] == stack_of(hit)


def test_folded(recorded: Recorded) -> None:
    told = {stack: int(count) for stack, _, count in
            (line.rpartition(" ") for line in recorded.export("folded").decode().splitlines())}
    wanted: Counter[str] = Counter()
    for hit in recorded.hits():
        kernel = [f"{frame.get('symbol', frame['ip'])}_[k]" for frame in hit["kernel_stack"]]
        user = [frame.get("symbol", frame["ip"]) for frame in hit["user_stack"]]
        wanted[";".join([hit["comm"], *reversed(user), *reversed(kernel)])] += 1
    assert told == wanted


def test_pprof(recorded: Recorded) -> None:
    told = pprof_profile.read(recorded.export("pprof"))
    hits = recorded.hits()
    assert told.sample_types == [("hits", "count")]
    wanted = Counter(tuple(stack_of(hit)) for hit in hits)
    counted: Counter[tuple[str, ...]] = Counter()
    for sample in told.samples:
        counted[tuple(function for function, _, _ in sample.stack)] += sample.count
        assert sample.labels == {"comm": hits[0]["comm"], "access": "write", "target": "counter"}
    assert counted == wanted
    file = {frame["symbol"]: frame for frame in hits[0]["user_stack"] if "file" in frame}
    for sample in told.samples:
        for function, path, line in sample.stack:
            if function in file and path:
                assert path == file[function]["file"] and line > 0
    program = hits[0]["user_stack"][0]["module"]
    notes = subprocess.run(["readelf", "-n", program], capture_output=True, text=True, check=True).stdout
    assert told.mappings[program] == re.search(r"Build ID: ([0-9a-f]+)", notes)[1]  # type: ignore[index]


def test_perfetto(recorded: Recorded) -> None:
    """The fields that the trace event format asks of each phase."""
    trace = json.loads(recorded.export("perfetto"))
    hits = recorded.hits()
    needed = {"M": {"name", "pid", "tid", "args"}, "i": {"name", "ts", "pid", "tid", "s"}, "C": {"name", "ts", "pid", "args"},
              "X": {"name", "ts", "dur", "pid", "tid"}}
    for event in trace["traceEvents"]:
        assert needed[event["ph"]] <= event.keys(), event
    instants = [event for event in trace["traceEvents"] if event["ph"] == "i"]
    assert [(event["args"]["seq"], event["args"]["new"], event["tid"]) for event in instants] == \
        [(hit["seq"], hit["new"], hit["tid"]) for hit in hits]
    assert all(abs(event["ts"] * 1000 - hit["time_ns"]) < 1000 for event, hit in zip(instants, hits))
    values = [event["args"]["value"] for event in trace["traceEvents"] if event["ph"] == "C"]
    assert values[-len(hits):] == [int(hit["new"], 16) for hit in hits]
    names = {(event["name"], event["pid"]): event["args"]["name"] for event in trace["traceEvents"] if event["ph"] == "M"}
    assert names["process_name", hits[0]["pid"]] == hits[0]["comm"]


def test_names_from_files_of_the_same_build(recorded: Recorded, tmp_path: Path) -> None:
    """Below another root, only the very file will do."""
    hits = recorded.hits()
    program = hits[0]["user_stack"][0]["module"]
    there = tmp_path / program.lstrip("/")
    there.parent.mkdir(parents=True)
    shutil.copy(program, there)
    again = [json.loads(line) for line in recorded.export("jsonl", "--symfs", str(tmp_path)).splitlines()]
    assert again == recorded.live  # it says what the recording machine said: the same file
    shutil.copy("/bin/true", there)
    again = [json.loads(line) for line in recorded.export("jsonl", "--symfs", str(tmp_path)).splitlines()]
    assert again == recorded.live  # and another file's names are not taken


def test_cut_off_is_told(recorded: Recorded, tmp_path: Path) -> None:
    whole = Path(recorded.path).read_bytes()
    cut = tmp_path / "cut.stk"
    cut.write_bytes(whole[:-1])
    told = run("export", str(cut), "--to", "jsonl")
    assert told.returncode == 0
    assert re.search(r"cut\.stk is damaged at byte \d+: it ends within a block; \d+ hits before it were read", told.stderr)


def test_what_is_no_recording(tmp_path: Path) -> None:
    letter = tmp_path / "letter.stk"
    letter.write_text("Dear all,\n")
    told = run("export", str(letter), "--to", "jsonl")
    assert (told.returncode, told.stdout) == (2, "") and "is no recording" in told.stderr
    told = run("export", str(letter), "--to", "excel")
    assert told.returncode == 2 and "perf-script" in told.stderr


def test_killed_recorder_leaves_what_was_written(actor: Actor, tmp_path: Path) -> None:
    path = tmp_path / "hits.stk"
    with Watch("--pid", str(actor.pid), "--symbol", "counter", "--record", str(path)) as watch:
        watch.wait_armed()
        actor.do("count 10")
        seen = len(watch.wait_hits(5))
        wait_until(lambda: path.stat().st_size > 0, "a block is written")
        watch.kill()
    told = run("export", str(path), "--to", "jsonl")
    assert (told.returncode, told.stderr) == (0, "")
    records = [json.loads(line) for line in told.stdout.splitlines()]
    assert sum(record["type"] == "hit" for record in records) >= min(seen, 1)
    assert "was killed, or still runs" in records[-1]["reason"]


def test_names_that_the_recording_machine_did_not_have(tmp_path: Path) -> None:
    """A stripped program is recorded; on the reading side there is the one it was made of."""
    whole = program("actor")
    stripped, path = tmp_path / "actor", tmp_path / "hits.stk"
    subprocess.run(["strip", "-s", "-o", stripped, whole], check=True)
    with Actor(str(stripped)) as actor, \
            Watch("--pid", str(actor.pid), "--addr", hex(actor.address()), "--len", "8", "--record", str(path)) as watch:
        watch.wait_armed()
        actor.do("w8 0 5")
        assert watch.stop() == 0
    assert all("file" not in frame for hit in watch.hits() for frame in hit["user_stack"] if frame["module"] == str(stripped))
    there = tmp_path / "root" / str(stripped).lstrip("/")
    there.parent.mkdir(parents=True)
    shutil.copy(whole, there)
    told = run("export", str(path), "--to", "jsonl", "--symfs", str(tmp_path / "root"))
    hits = [record for record in map(json.loads, told.stdout.splitlines()) if record["type"] == "hit"]
    assert len(hits) == len(watch.hits()) > 0
    for hit in hits:
        ours = [frame for frame in hit["user_stack"] if frame.get("module") == str(stripped)]
        assert ours[-1]["symbol"] == "main" or "main" in [frame.get("symbol") for frame in ours]
        assert all(frame["file"].endswith(".c") and frame["line"] > 0 for frame in ours if frame.get("symbol") == "main")

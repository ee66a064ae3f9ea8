"""What becomes of a watch whose output goes nowhere; and text and JSON tell the same."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from dataclasses import dataclass, field

import pytest

from actor import Actor
from stakeout_run import BINARY, BOUND, Record, Watch, wait_until


def options(actor: Actor, *more: str) -> list[str]:
    return ["--pid", str(actor.pid), "--symbol", "counter", *more]


class Piped:
    """stakeout with a standard output of our choice; its stderr is collected in a file."""

    def __init__(self, stderr_path: str, stdout: int, *args: str) -> None:
        self._stderr = open(stderr_path, "w+", encoding="utf-8")
        self.process = subprocess.Popen([BINARY, "watch", *args], stdin=subprocess.DEVNULL, stdout=stdout, stderr=self._stderr)

    def __enter__(self) -> "Piped":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._stderr.close()

    def stderr(self) -> str:
        self._stderr.flush()
        with open(self._stderr.name, encoding="utf-8") as text:
            return text.read()

    def wait_armed(self) -> None:
        wait_until(lambda: "armed for" in self.stderr(), "it is armed")

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(BOUND)


def test_reader_that_leaves(actor: Actor, tmp_path: object) -> None:
    """As `| head -1` does: the watch ends in order."""
    ours, theirs = os.pipe()
    with Piped(f"{tmp_path}/stderr", theirs, *options(actor)) as piped:
        os.close(theirs)
        piped.wait_armed()
        os.close(ours)
        actor.do("count 5")
        assert piped.process.wait(BOUND) == 0
    assert "output was closed" in piped_text(tmp_path)


def piped_text(tmp_path: object) -> str:
    with open(f"{tmp_path}/stderr", encoding="utf-8") as text:
        return text.read()


def test_full_disk(actor: Actor, tmp_path: object) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full, \
            Piped(f"{tmp_path}/stderr", full.fileno(), *options(actor)) as piped:
        piped.wait_armed()
        made = actor.do("count 50")
        wait_until(lambda: "the disk is full" in piped.stderr(), "it says that the disk is full")
        assert piped.process.poll() is None
        made += actor.do("count 50") - actor.sigtraps()
        assert piped.end() == 0
        said = piped.stderr()
    assert said.count("the disk is full") == 1
    assert f"{made} hits = {made} records + 0 lost" in said


def test_reader_that_stops_reading(actor: Actor, tmp_path: object) -> None:
    """The pipe fills, then the buffer; the watch still looks after its time to live and ends in order."""
    ours, theirs = os.pipe()
    with Piped(f"{tmp_path}/stderr", theirs, *options(actor, "--no-brake", "--ttl", "4s")) as piped:
        os.close(theirs)
        piped.wait_armed()
        made = actor.do("count 8000") - actor.sigtraps()
        assert piped.process.wait(BOUND) == 0
        said = piped.stderr()
    os.close(ours)
    assert "time to live is over" in said
    assert f"{made} hits = " in said


def test_json_to_a_full_disk(actor: Actor, tmp_path: object) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full, \
            Piped(f"{tmp_path}/stderr", full.fileno(), *options(actor, "-o", "json", "--ttl", "2s")) as piped:
        wait_until(lambda: "the disk is full" in piped.stderr(), "it says that the disk is full")
        assert piped.process.wait(BOUND) == 0


# ---- text and JSON ----

@dataclass
class TextHit:
    head: re.Match[str]
    body: re.Match[str]
    instruction: re.Match[str]
    frames: dict[str, list[str]] = field(default_factory=dict)


HEAD = re.compile(r"#(?P<seq>\d+)  (?P<time>[\d:.]+)  (?P<comm>\S+)  pid (?P<pid>\d+)  tid (?P<tid>\d+)  CPU (?P<cpu>\d+)$")
BODY = re.compile(r"    (?P<access>read|write|execute|unknown) (?P<target>.*?)  (?P<old>\S+) -> (?P<new>\S+)"
                  r"  \((?P<width>\d+) bytes, trap at (?P<address>0x[0-9a-f]+)\)(?:  (?P<traps>\d+) traps)?(?P<unordered>  unordered)?$")
INSTRUCTION = re.compile(r"    (?P<address>0x[0-9a-f]+)  (?P<text>.*)  \(ip (?P<ip>0x[0-9a-f]+)\)$")
FRAME = re.compile(r"(?:    (?P<title>kernel|user)\s+|            )(?P<place>.*)$")


def parse(text: str) -> list[TextHit]:
    hits: list[TextHit] = []
    lines = iter(text.splitlines())
    title = ""
    for line in lines:
        if head := HEAD.match(line):
            body, instruction = BODY.match(next(lines)), INSTRUCTION.match(next(lines))
            assert body and instruction, line
            hits.append(TextHit(head, body, instruction))
            continue
        frame = FRAME.match(line)
        assert frame and hits, line
        title = frame["title"] or title
        hits[-1].frames.setdefault(title, []).append(frame["place"])
    return hits


def agree(text: TextHit, json: Record) -> None:
    for name in ("comm", "pid", "tid"):
        assert text.head[name] == str(json[name])
    for name in ("access", "target", "old", "new", "width", "address"):
        assert text.body[name] == str(json[name]), name
    assert (text.instruction["text"], text.instruction["address"], text.instruction["ip"]) == \
        (json["instruction"]["text"], json["instruction"]["address"], json["ip"])
    for title in ("kernel", "user"):
        stack = json[f"{title}_stack"]
        assert len(text.frames.get(title, [])) == len(stack)
        for place, frame in zip(text.frames.get(title, []), stack):
            assert place.startswith(f"{frame['symbol']}+{frame['offset']:#x}" if "symbol" in frame else frame["ip"]), (place, frame)
            assert f"{frame['file']}:{frame['line']}" in place if "file" in frame else True
            assert frame["module"].rsplit("/", 1)[-1] in place if "module" in frame else True


def watched_twice(actor: Actor, command: str, *more: str) -> tuple[list[TextHit], list[Record]]:
    """One access, seen by a watch in text and by one in JSON."""
    with Watch(*more, json_output=False) as text, Watch(*more) as json:
        json.wait_armed()
        wait_until(lambda: "armed for" in text.stderr, "the text watch is armed")
        actor.do(command)
        assert text.stop() == 0 and json.stop() == 0
    assert f"{json.summary['hits']} hits = {json.summary['records']} records + 0 lost" in text.stderr
    return parse("\n".join(text.lines)), json.hits()


@pytest.mark.parametrize("command", ["w8 0 5", "pipe 0 8 5", "w2 3 5"])
def test_text_and_json_agree_on_a_process(actor: Actor, command: str) -> None:
    text, json = watched_twice(actor, command, "--pid", str(actor.pid), "--addr", hex(actor.address()), "--len", "8")
    assert len(text) == len(json) > 0
    for one, other in zip(text, json):
        agree(one, other)


def test_text_and_json_agree_on_the_kernel(actor: Actor) -> None:
    text, json = watched_twice(actor, "set_tid 5", "--object", f"task({actor.pid})->clear_child_tid")
    assert len(text) == len(json) == 5
    for one, other in zip(text, json):
        agree(one, other)


def test_text_fits_and_is_plain(actor: Actor) -> None:
    with Watch(*options(actor), json_output=False) as watch:
        wait_until(lambda: "armed for" in watch.stderr, "it is armed")
        actor.do("count 3")
        assert watch.stop() == 0
    assert not any("\033" in line for line in watch.lines)  # colours are for terminals
    assert "3 hits = 3 records + 0 lost" in watch.stderr


def test_folded(actor: Actor) -> None:
    with Watch(*options(actor), "-o", "folded", json_output=False) as watch:
        wait_until(lambda: "armed for" in watch.stderr, "it is armed")
        made = actor.do("count 30") - actor.sigtraps()
        assert watch.stop() == 0
    stacks = [line.rpartition(" ") for line in watch.lines]
    assert sum(int(count) for _, _, count in stacks) == made
    assert any("main" in stack and "count_up" in stack for stack, _, _ in stacks)


@pytest.mark.parametrize(("option", "most"), [(("--no-stack",), 0), (("--stack-depth", "1"), 1), (("--stack-depth", "2"), 2)])
def test_stack_depth(actor: Actor, option: tuple[str, ...], most: int) -> None:
    with Watch(*options(actor), *option) as watch:
        watch.wait_armed()
        actor.do("count 3")
        assert watch.stop() == 0
    assert all(len(hit["user_stack"]) <= most + 1 for hit in watch.hits())
    assert all(len(hit["user_stack"]) >= most for hit in watch.hits())

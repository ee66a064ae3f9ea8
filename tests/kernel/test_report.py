"""`stakeout report` of real hits: what was recorded is what is reported, as text, as data and as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stakeout_run import Watch, run

LEDGER = Path(__file__).resolve().parents[2] / "build" / "demo" / "ledger"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> tuple[Path, list[dict]]:
    """A recording of the demo program, and the hits that the same watch showed."""
    file = tmp_path_factory.mktemp("recorded") / "hits.stk"
    with Watch("--symbol", "balance", "--record", str(file), command=[str(LEDGER)]) as watch:
        watch.wait_exit()
        return file, watch.hits()


def report(*args: object) -> str:
    told = run("report", *map(str, args))
    assert told.returncode == 0, told.stderr
    return told.stdout


def function_of(hit: dict) -> str:
    return (hit["kernel_stack"] or hit["user_stack"])[0]["symbol"]


def test_the_data_has_what_the_watch_showed(recorded):
    file, hits = recorded
    data = json.loads(report(file, "-o", "json"))
    assert hits and data["counts"]["shown"] == data["counts"]["hits"] == len(hits)
    by_function: dict[str, int] = {}
    for hit in hits:
        by_function[function_of(hit)] = by_function.get(function_of(hit), 0) + 1
    told: dict[str, int] = {}
    for writer in data["writers"]:
        told[writer["function"]] = told.get(writer["function"], 0) + writer["hits"]
    assert told == by_function
    rows, strings = data["rows"], data["strings"]
    assert rows["seq"] == [hit["seq"] for hit in hits]
    assert [strings[i] for i in rows["new"]] == [hit["new"] for hit in hits]
    assert rows["tid"] == [hit["tid"] for hit in hits]
    start = hits[0]["time_ns"] // 1000 - rows["t_us"][0]
    assert all(abs(hit["time_ns"] // 1000 - start - t_us) <= 1 for hit, t_us in zip(hits, rows["t_us"]))
    assert data["ended"]["by"] == "target" and data["live"] is False


@pytest.mark.parametrize("by", ["function", "task", "stack", "value"])
def test_the_text_begins_with_who_it_was_and_fits(recorded, by):
    file, hits = recorded
    text = report(file, "--by", by)
    lines = text.splitlines()
    assert lines[0].startswith(f"balance was written {len(hits)} times, most by ")
    assert all(len(line) <= 100 for line in lines)
    assert "rename_customer" in text, "who had called memcpy()"
    if by == "task":
        assert {str(hit["tid"]) for hit in hits} <= set(re.findall(r"\d+", text))


def test_the_page_holds_the_same_data(recorded, tmp_path):
    file, _ = recorded
    page = tmp_path / "report.html"
    report(file, "--html", page)
    assert page.stat().st_mode & 0o777 == 0o600
    inside = re.search(r'id="report-data">(.*?)</script>', page.read_text(), re.DOTALL)
    data = json.loads(inside[1])
    alone = json.loads(report(file, "-o", "json"))
    for one in (data, alone):
        del one["made"]
    assert data == alone


def test_since_counts_back_from_the_end(recorded):
    file, hits = recorded
    whole = json.loads(report(file, "-o", "json"))
    # From between two hits that are farther apart than the others.
    times = whole["rows"]["t_us"]
    gap, first = max((later - earlier, place + 1) for place, (earlier, later) in enumerate(zip(times, times[1:])))
    assert gap > 4, "the thread that came second had to be made"
    since_us = whole["end_us"] - times[first] + gap // 2
    data = json.loads(report(file, "-o", "json", "--since", f"{since_us}us"))
    assert data["rows"]["seq"] == whole["rows"]["seq"][first:]
    assert data["counts"]["shown"] == len(hits) - first


def test_a_running_watch_claims_no_end(tmp_path):
    file = tmp_path / "hits.stk"
    with Watch("--symbol", "jiffies", "--len", "8", "--record", str(file), "--name", "report-test", "--ttl", "30s") as watch:
        watch.wait_hits(20)
        data = json.loads(report("report-test", "-o", "json"))
        assert data["live"] is True and data["ended"] is None and data["counts"]["lost"] is None
        assert data["counts"]["shown"] > 0 and "The watch goes on." in data["summary"]["lines"]
        watch.stop()
    assert json.loads(report(file, "-o", "json"))["ended"]["by"] == "user"


def test_a_cut_recording_is_reported_up_to_the_cut(recorded, tmp_path):
    file, hits = recorded
    cut = tmp_path / "cut.stk"
    cut.write_bytes(file.read_bytes()[:-40])
    told = run("report", str(cut))
    assert told.returncode == 0 and "damaged" in told.stderr
    assert "Not complete: the recording is damaged" in told.stdout or "no access was seen" in told.stdout


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["/no/such.stk"], "no such file"),
        (["no-such-watch"], "no running watch"),
        ([__file__], "no recording"),
    ],
)
def test_what_is_no_recording_is_refused(args, why):
    told = run("report", *args)
    assert told.returncode == 2 and why in told.stderr and not told.stdout


def test_wrong_options_are_refused(recorded):
    for args in (["--by", "colour"], ["--since", "soon"], ["-o", "yaml"], ["--html", "/no/such/folder/x.html"]):
        told = run("report", str(recorded[0]), *args)
        assert told.returncode == 2 and told.stderr.startswith("stakeout: cannot"), args

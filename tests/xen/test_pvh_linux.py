"""A Linux guest under EPT, in Bochs: who touched it, from where, which task."""

from __future__ import annotations

import re

import pytest

from bochs import Run
from watching import records_of

CASES = [("mem-access", 50), ("debug-event", 60)]  # how often the process writes

# This module's part of the one run.
BOCHS = """
check lx-create create_linux
said() { guest linux "for _ in 1 2 3 4 5 6 7 8 9; do grep -q '$1' /tmp/said && break; sleep 1; done; tail -n 1 /tmp/said"; }
tell() { guest linux "echo '$1' >/tmp/v" && said "did $2"; }
victim() {
    guest linux "victim /tmp/v >/tmp/said & until grep -q ready /tmp/said; do sleep 0.2; done; cat /tmp/said" >/tmp/victim
    cat /tmp/victim
    pid=$(sed -n 's/^pid //p' /tmp/victim) user=$(sed -n 's/^user \\([^ ]*\\) .*/\\1/p' /tmp/victim)
    echo "$pid" >/tmp/victim.pid
    echo "$user" >/tmp/victim.user
}
check lx-victim victim
""" + "".join(f"""
check lx-arm-{backend} arm -d linux --gva $(cat /tmp/victim.user) --guest-pid $(cat /tmp/victim.pid) --backend {backend}
check lx-did-{backend} tell "user {count}" "{count} user"
check lx-end-{backend} end_watch
check lx-arm-kernel-{backend} arm -d linux --symbol jiffies_64 --count 3 --backend {backend}
until [ -e /tmp/watch.status ]; do sleep 0.1; done
check lx-end-kernel-{backend} end_watch 0
""" for backend, count in CASES) + """
braking() {
    brake= arm -d linux --gva $(cat /tmp/victim.user) --guest-pid $(cat /tmp/victim.pid) --backend mem-access && tell "user 3000" "3000 user"
    end_watch
}
check lx-brake braking
check lx-vectors-begin guest linux "echo 'vectors 8000' >/tmp/v"
for _ in 1 2 3; do
    check lx-vectors-arm arm -d linux --symbol jiffies_64 --count 3 --backend debug-event
    until [ -e /tmp/watch.status ]; do sleep 0.1; done
done
check lx-vectors said vectors
check lx-destroy xl destroy linux
"""


@pytest.mark.parametrize("backend, count", CASES)
def test_a_processs_writes(bochs_run: Run, backend: str, count: int) -> None:
    assert bochs_run.check(f"lx-arm-{backend}").status == 0, bochs_run.check(f"lx-arm-{backend}").stdout
    assert re.search(rf"did {count} user", bochs_run.check(f"lx-did-{backend}").stdout)
    ended = bochs_run.check(f"lx-end-{backend}")
    assert "status 0" in ended.lines, ended.stdout
    records = records_of(ended.stdout)
    hit, summary = records[-2], records[-1]
    assert summary["hits"] == count and summary["lost"] == 0
    assert hit["mode"] == "user" and hit["comm"] == "victim"
    assert hit["pid"] == int(bochs_run.check("lx-victim").lines[0].split()[1])
    assert int(hit["new"], 16) == int(hit["old"], 16) + 1


@pytest.mark.parametrize("backend", ["mem-access", "debug-event"])
def test_the_kernels_writes(bochs_run: Run, backend: str) -> None:
    assert bochs_run.check(f"lx-arm-kernel-{backend}").status == 0
    ended = bochs_run.check(f"lx-end-kernel-{backend}")
    records = records_of(ended.stdout)
    hit, summary = records[-2], records[-1]
    assert summary["hits"] == 3 and summary["ended_by"] == "count"
    assert hit["mode"] == "kernel" and "comm" in hit and len(hit["kernel_stack"]) > 2
    assert any("tick" in frame.get("symbol", "") or "jiffies" in frame.get("symbol", "") for frame in hit["kernel_stack"])
    assert int(hit["new"], 16) > int(hit["old"], 16)


def test_the_brake_gives_the_guest_its_time_back(bochs_run: Run) -> None:
    """Its stacks are copied while it stands still: in Bochs that takes more than a tenth of a busy guest's time."""
    said = bochs_run.check("lx-brake").stdout
    assert re.search(r"did 3000 user", said), said
    records = {record["type"]: record for record in records_of(said)}
    summary = records["summary"]
    assert summary["braked"] > 0 and summary["hits"] < 3000, said
    assert records["brake"]["to_ns"] > records["brake"]["from_ns"]
    assert summary["guest_paused_ns"] + summary["braked_ns"] < summary["duration_ns"]


def test_vector_registers_survive_the_arming(bochs_run: Run) -> None:
    said = bochs_run.check("lx-vectors").stdout
    match = re.search(r"did (\d+) vectors, broken (\d+)", said)
    if match is None and "no AVX" in said:
        pytest.skip("this emulated processor has no AVX")
    assert match and int(match[1]) > 10 and int(match[2]) == 0, said

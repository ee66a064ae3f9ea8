"""Any guest: the frame mapped and compared."""

from __future__ import annotations

import pytest

from guests import Guest
from victim import Victim
from watching import XenWatch
from xen_qemu import Dom0

pytestmark = pytest.mark.usefixtures("stakeout_xen")


def test_changes_of_user_memory_by_guest_physical_address(dom0: Dom0, web1: Guest) -> None:
    victim = Victim(web1)
    address = (victim.mapped_pfn << 12) + victim.offset
    watch = XenWatch(dom0, f"-d web1 --gpa {address:#x} --len 8 --backend page-diff --ttl 120s")
    armed = watch.wait_armed()
    assert armed["targets"][0]["address"] == f"{address:#x}" and armed["slots"] == []
    assert victim.did("mapped 5 300000") == 5  # one each 300 ms: no two between two looks
    watch.wait_hits(5)
    said = watch.stop()
    assert [int(hit["new"], 16) for hit in said.hits] == [1, 2, 3, 4, 5]
    assert all("ip" not in hit and "pid" not in hit and hit["guest"]["values_read_later"] for hit in said.hits)
    victim.quit()


def test_process_memory_by_its_page_tables(dom0: Dom0, web1: Guest) -> None:
    victim = Victim(web1)
    watch = XenWatch(dom0, f"-d web1 --gva {victim.user:#x} --guest-pid {victim.pid} --backend page-diff --ttl 120s")
    armed = watch.wait_armed()
    assert armed["targets"][0]["address"] == f"{(victim.user_pfn << 12) + victim.offset:#x}"
    assert victim.did("user 3 300000") == 3
    watch.wait_hits(3)
    assert watch.stop().summary["hits"] == 3
    victim.quit()


def test_a_range_of_frames(dom0: Dom0, web1: Guest) -> None:
    """Which of many frames changed, and what in it."""
    victim = Victim(web1)
    first = victim.user_pfn & ~0xF
    watch = XenWatch(dom0, f"-d web1 --gpa {first << 12:#x} --len 65536 --ttl 120s")
    armed = watch.wait_armed()
    assert armed["guest"]["backend"] == "page-diff" and armed["targets"][0]["width"] == 65536
    assert victim.did("user 3 300000") == 3
    address = (victim.user_pfn << 12) + victim.offset
    watch.wait_for_text(f'"physical":"{address:#x}"')
    hits = [hit for hit in watch.stop().hits if hit["guest"]["physical"] == f"{address:#x}"]
    assert [int(hit["new"], 16) & 0xFF for hit in hits] == [1, 2, 3][-len(hits):] and hits
    victim.quit()

"""PV guests on stock Xen: debug registers of every vCPU, hits out of Xen's trace."""

from __future__ import annotations

import time

import pytest

from guests import Guest
from victim import Victim
from watching import XenWatch
from xen_qemu import Dom0

pytestmark = pytest.mark.usefixtures("stakeout_xen")


def test_kernel_symbol_by_the_guests_own_tables(dom0: Dom0, web1: Guest) -> None:
    said = XenWatch(dom0, "-d web1 --symbol jiffies_64 --count 5 --ttl 60s").wait()
    assert said.status == 0, said.stderr
    armed = said.of("armed")[0]
    assert armed["guest"]["backend"] == "debug-register" and armed["cpus_armed"] == [0, 1]
    assert armed["guest"]["kernel"].startswith("6.1.") and armed["targets"][0]["type"] == "u64"
    assert len(said.hits) == 5 == said.summary["hits"] and said.summary["lost"] == 0
    for hit in said.hits:
        assert hit["guest"]["vcpu"] in (0, 1) and hit["mode"] == "kernel" and "pid" not in hit
        assert "jiffies" in hit["kernel_stack"][0]["symbol"] or "tick" in hit["kernel_stack"][0]["symbol"]


def test_counts_are_exact(dom0: Dom0, web1: Guest) -> None:
    victim = Victim(web1)
    watch = XenWatch(dom0, f"-d web1 --gva {victim.direct_map(victim.mapped_pfn):#x} --len 1 --no-brake --ttl 120s")
    watch.wait_armed()
    done = 0
    for vcpu in (0, 1):
        victim.tell(f"pin {vcpu}")
        done += victim.did("kernel 500")
    watch.wait_hits(done)
    said = watch.stop()
    assert len(said.hits) == said.summary["hits"] == done == 1000
    assert {hit["guest"]["vcpu"] for hit in said.hits} == {0, 1}
    assert int(said.hits[-1]["new"], 16) == done % 256
    victim.quit()


def test_only_the_armed_alias_is_seen(dom0: Dom0, web1: Guest) -> None:
    victim = Victim(web1)
    watch = XenWatch(dom0, f"-d web1 --gva {victim.direct_map(victim.mapped_pfn):#x} --len 1 --no-brake --ttl 120s")
    armed = watch.wait_armed()
    assert any("other addresses" in spot for spot in armed["guest"]["not_seen"])
    assert victim.did("mapped 50") == 50
    assert victim.did("kernel 20") == 20
    watch.wait_hits(20)
    assert watch.stop().summary["hits"] == 20
    victim.quit()


def test_the_guests_own_breakpoint_takes_ours_away_and_it_is_told(dom0: Dom0, web1: Guest) -> None:
    victim = Victim(web1)
    watch = XenWatch(dom0, f"-d web1 --gva {victim.direct_map(victim.mapped_pfn):#x} --len 1 --no-brake --ttl 120s")
    watch.wait_armed()
    assert victim.tell("breakpoint on") == "breakpoint on"
    time.sleep(3)
    assert victim.tell("own 20") == "did 20 own, hits 20"  # the guest's own still works
    assert victim.tell("breakpoint off") == "breakpoint off"
    time.sleep(3)
    assert victim.did("kernel 10") == 10
    watch.wait_hits(10)
    said = watch.stop()
    assert any("wrote its debug registers itself; armed again" in note["text"] for note in said.of("notice"))
    victim.quit()


def test_vcpu_unplugged_and_back(dom0: Dom0, web1: Guest) -> None:
    watch = XenWatch(dom0, "-d web1 --symbol jiffies_64 --no-brake --ttl 120s")
    watch.wait_armed()
    dom0.run("xl vcpu-set web1 1")
    watch.wait_for_text("vCPU 1 was unplugged")
    dom0.run("xl vcpu-set web1 2")
    # The kernel leaves it to user space to use a CPU that is there again.
    web1.wait_for(lambda: web1.run("echo 1 >/sys/devices/system/cpu/cpu1/online; nproc", check=False).stdout == "2\n",
                  60, "has one CPU still")
    watch.wait_for_text("came back; armed again")
    texts = [note["text"] for note in watch.stop().of("notice")]
    assert any(text.startswith("vCPU 1 was not watched") and "came back; armed again" in text for text in texts), texts


def test_both_addresses_of_a_processs_page(dom0: Dom0, web1: Guest) -> None:
    """Its own, and the kernel's direct map: one place, a watchpoint each. (Low memory is in the kernel's image, too.)"""
    victim = Victim(web1)
    watch = XenWatch(dom0, f"-d web1 --gva {victim.mapped:#x} --guest-pid {victim.pid} --len 1 --no-brake --ttl 120s")
    addresses = watch.wait_armed()["guest"]["linear"]
    assert {int(address, 16) for address in addresses} >= {victim.mapped, victim.direct_map(victim.mapped_pfn)}
    assert victim.did("mapped 50") == 50
    assert victim.did("kernel 20") == 20
    watch.wait_hits(70)
    said = watch.stop()
    assert said.summary["hits"] == 70
    assert [hit["mode"] for hit in said.hits] == ["user"] * 50 + ["kernel"] * 20
    victim.quit()


def test_vector_registers_survive_the_arming(dom0: Dom0, web1: Guest) -> None:
    """Xen forgets a vCPU's AVX state when its context is written: it is kept and put back."""
    victim = Victim(web1)
    web1.run(f"echo vectors 15000 >{victim.fifo}")
    for _ in range(3):
        said = XenWatch(dom0, "-d web1 --symbol jiffies_64 --count 3 --ttl 60s").wait()
        assert said.status == 0, said.stderr
    found = victim.process.wait_output(r"did (\d+) vectors, broken (\d+)|no AVX")
    if found[0] == "no AVX":
        pytest.skip("the emulated processor has no AVX")
    assert int(found[1]) > 10 and int(found[2]) == 0
    victim.quit()


def test_a_storm_is_counted_to_the_last_hit(dom0: Dom0, web1: Guest) -> None:
    """However slow its reader is: that one gets all of it in the end."""
    victim = Victim(web1)
    watch = XenWatch(dom0, f"-d web1 --gva {victim.direct_map(victim.mapped_pfn):#x} --len 1 --no-brake --ttl 120s")
    watch.wait_armed()
    assert victim.did("kernel 5000") == 5000
    said = watch.stop()
    assert said.summary["hits"] == len(said.hits) == 5000 and said.summary["lost"] == 0
    victim.quit()


def test_time_to_live_ends_it(dom0: Dom0, web1: Guest) -> None:
    said = XenWatch(dom0, "-d web1 --symbol jiffies_64 --ttl 2s --no-brake").wait()
    assert said.status == 0 and said.summary["ended_by"] == "time_to_live"
    assert dom0.run("stakeout-xen list").stdout == "no guest is watched\n"

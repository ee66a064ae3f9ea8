"""The two worlds of the Xen tests come up and do what the other tests rely on."""

from __future__ import annotations

import json
import signal
from typing import Callable

import binaries
from conftest import STAKEOUT
from emulator import MEDIA
from guests import Guest
from tiny import Counts, Tiny
from victim import Victim
from xen_qemu import Dom0

WATCH = "watch --symbol jiffies_64 --count 3 --ttl 60s -o json"


def hits(said: str) -> list[dict]:
    records = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [record for record in records if record.get("type") == "hit"]


def test_dom0_answers(dom0: Dom0) -> None:
    said = dom0.run("xl info; exit 7")
    assert said.status == 7
    assert "xen_version            : 4.17" in said.stdout
    assert dom0.run("echo to stderr >&2").stderr == "to stderr\n"


def test_dom0_runs_several_commands_at_once(dom0: Dom0) -> None:
    endless = dom0.start("echo up; exec sleep 1000")
    endless.wait_output("up")
    assert dom0.run("echo while it runs").stdout == "while it runs\n"
    assert endless.poll() is None
    endless.kill(signal.SIGINT)
    assert endless.wait().status == 128 + signal.SIGINT


def test_guest_has_its_cpus_and_answers(web1: Guest) -> None:
    assert "guest: ready" in web1.console
    assert web1.run("nproc").stdout == "2\n"
    assert web1.run("echo said; exit 5", check=False).status == 5
    background = web1.start("sleep 1000")
    assert web1.run("kill $(pidof sleep)").status == 0
    assert background.wait().status == 128 + 15


def test_victim_counts_what_it_does(web1: Guest) -> None:
    victim = Victim(web1)
    assert victim.tell("pin 1") == "pinned 1"
    assert victim.tell("user 1000") == "did 1000 user, value 1000"
    assert victim.tell("mapped 3") == "did 3 mapped, value 3"
    assert victim.did("kernel 10") == 10
    assert victim.tell("breakpoint on") == "breakpoint on"
    assert victim.tell("own 20") == "did 20 own, hits 20"
    assert victim.tell("breakpoint off") == "breakpoint off"
    assert victim.tell("go user 1000") == "going user"
    assert victim.did("stop") > 0
    victim.quit()


def test_guest_survives_what_happens_to_guests(dom0: Dom0, make_guest: Callable[..., Guest]) -> None:
    """A virtual CPU goes and comes back, the guest reboots: with another number, but spoken to as before."""
    guest = make_guest("web2")
    first = guest.domid
    dom0.run("xl vcpu-set web2 1", check=True)
    guest.wait_for(lambda: guest.run("nproc").stdout == "1\n", 60, "has both CPUs still")
    dom0.run("xl vcpu-set web2 2", check=True)
    # The kernel leaves it to user space to use a CPU that is there again.
    guest.wait_for(lambda: guest.run("echo 1 >/sys/devices/system/cpu/cpu1/online; nproc", check=False).stdout == "2\n",
                   60, "has one CPU still")
    guest.start("reboot -f")
    guest.wait_ready(boots=2)
    assert guest.domid != first
    assert guest.run("nproc").stdout == "2\n"


def test_tiny_guest_makes_its_accesses_when_it_is_told(dom0: Dom0) -> None:
    with Tiny(dom0) as tiny:
        assert tiny.counts() == Counts(0, 0, 0, 0, 0, 0)
        tiny.unpause()
        assert tiny.wait_rounds(1) == Counts(1, 100, 60, 40, 50, 2000)
        tiny.go(3)
        assert tiny.wait_rounds(3) == Counts(3, 300, 180, 120, 150, 6000)


def test_stakeout_watches_inside_dom0(dom0: Dom0, stakeout_in_dom0: str) -> None:
    watch = dom0.run(f"{stakeout_in_dom0} {WATCH}", timeout=120)
    assert watch.status == 0, watch.stderr
    assert len(hits(watch.stdout)) == 3


def test_stakeout_watches_inside_a_pv_guest(dom0: Dom0, make_guest: Callable[..., Guest]) -> None:
    initrd = binaries.initrd(MEDIA / "guest.initrd", dom0.share / "stakeout.initrd", [STAKEOUT])
    guest = make_guest("inside", memory=512, initrd=dom0.keep(initrd))
    watch = guest.run(f"{STAKEOUT.name} {WATCH}", timeout=120)
    assert len(hits(watch.stdout)) == 3

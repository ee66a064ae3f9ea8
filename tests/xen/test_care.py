"""However a bridge ends, the guest is left as it was; and one bridge a domain."""

from __future__ import annotations

import re
import time
from typing import Callable

import pytest

from guests import Guest
from watching import XenWatch
from xen_qemu import Dom0

pytestmark = pytest.mark.usefixtures("stakeout_xen")
JIFFIES = "--symbol jiffies_64 --ttl 120s"


def vcpus_armed(dom0: Dom0, name: str) -> int:
    """How many of two vCPUs have a debug register on, as Xen's own tool shows them."""
    said = dom0.run(f"for v in 0 1; do xenctx -a $(xl domid {name}) $v; done").stdout
    controls = re.findall(r"^dr7: *([0-9a-f]+)", said, re.MULTILINE | re.IGNORECASE)
    assert len(controls) == 2, said
    return sum(int(control, 16) & 0xFF != 0 for control in controls)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"not within a minute: {what}"
        time.sleep(0.2)


def test_killed_bridge_leaves_nothing(dom0: Dom0, web1: Guest) -> None:
    watch = XenWatch(dom0, "-d web1", JIFFIES)
    watch.wait_armed()
    assert "web1" in dom0.run("stakeout-xen list").stdout
    assert vcpus_armed(dom0, "web1") == 2
    watch.kill()
    wait_for(lambda: "no guest is watched" in dom0.run("stakeout-xen list").stdout, "the guardian has healed the guest")
    assert vcpus_armed(dom0, "web1") == 0
    assert web1.run("echo lives").stdout == "lives\n"
    again = XenWatch(dom0, "-d web1", JIFFIES, "--count 1").wait()
    assert again.status == 0, again.stderr


def test_release_heals_after_the_guardian_was_killed_too(dom0: Dom0, web1: Guest) -> None:
    watch = XenWatch(dom0, "-d web1", JIFFIES)
    watch.wait_armed()
    # By its own name; the guardian first, so that it cannot act.
    dom0.run("kill -9 $(pgrep -f stakeout-xen-gd || ps | sed -n 's/^ *\\([0-9]*\\) .*stakeout-xen .*/\\1/p')", timeout=30)
    wait_for(lambda: "not healed" in dom0.run("stakeout-xen list").stdout, "both are dead")
    assert vcpus_armed(dom0, "web1") == 2
    refused = XenWatch(dom0, "-d web1", JIFFIES).wait()
    assert refused.status == 3 and "release" in refused.stderr
    released = dom0.run("stakeout-xen release web1")
    assert released.status == 0 and "taken back: debug registers of vCPU 0" in released.stdout
    assert vcpus_armed(dom0, "web1") == 0
    assert dom0.run("stakeout-xen list").stdout == "no guest is watched\n"


def test_second_bridge_is_told_who_has_the_domain(dom0: Dom0, web1: Guest) -> None:
    first = XenWatch(dom0, "-d web1", JIFFIES)
    first.wait_armed()
    second = XenWatch(dom0, "-d web1", JIFFIES).wait()
    assert second.status == 3
    assert "watches jiffies_64 in it by debug-register" in second.stderr
    assert first.stop().status == 0


@pytest.mark.parametrize("how", ["reboot -f", "poweroff -f", "echo c >/proc/sysrq-trigger", "destroy"])
def test_the_guests_end_ends_the_watch(dom0: Dom0, make_guest: Callable[..., Guest], how: str) -> None:
    guest = make_guest("web2", type="pv", vcpus=1)
    watch = XenWatch(dom0, "-d web2", JIFFIES)
    watch.wait_armed()
    if how == "destroy":
        dom0.run("xl destroy web2")
    else:
        guest.start(how)
    said = watch.wait()
    assert said.status == 4 and said.summary["ended_by"] == "target" and "domain" in said.summary["reason"]
    assert dom0.run("stakeout-xen list").stdout == "no guest is watched\n"


def test_saving_takes_no_registers_along(dom0: Dom0, make_guest: Callable[..., Guest]) -> None:
    """As a migration does, it suspends the guest and writes its vCPUs to a stream. (Debian's Xen cannot migrate a running PV
    guest: it has no log of dirty frames for one.)"""
    make_guest("web3", type="pv", vcpus=2)
    watch = XenWatch(dom0, "-d web3", JIFFIES)
    watch.wait_armed()
    saved = dom0.run("xl save web3 /tmp/web3.saved", timeout=300)
    assert saved.status == 0, saved
    said = watch.wait()
    assert said.status == 4 and "saved or migrated" in said.summary["reason"]
    restored = dom0.run("xl restore /tmp/web3.saved; status=$?; rm /tmp/web3.saved; exit $status", timeout=300)
    assert restored.status == 0, restored
    assert vcpus_armed(dom0, "web3") == 0
    again = XenWatch(dom0, "-d web3", JIFFIES, "--count 2").wait()
    assert again.status == 0 and again.summary["hits"] >= 2, "it runs on, and can be watched"


def test_wrong_input(dom0: Dom0, web1: Guest) -> None:
    for arguments, status, words in [
        ("-d nobody --symbol jiffies_64", 2, "no domain of that name"),
        ("-d web1 --symbol jiffies_46", 2, "jiffies_64"),
        ("-d web1", 2, "nothing was named"),
        ("-d web1 --gva 0x1000", 2, "--guest-pid"),
        ("-d web1 --gpa 0xfffffffff000", 3, "pages"),
        ("-d web1 --symbol jiffies_64 --backend mem-access", 3, "a PV guest has none"),
        ("-d web1 --symbol jiffies_64 --backend nonsense", 2, "no such backend"),
        ("-d 0 --symbol jiffies_64", 2, "stakeout watch"),
    ]:
        said = XenWatch(dom0, arguments).wait()
        assert said.status == status and words in said.stderr, (arguments, said)

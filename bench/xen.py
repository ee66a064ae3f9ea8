"""The Xen bridge: under QEMU (PV, debug registers) and in Bochs (EPT, mem_access), with the tests' own machines."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time

from programs import ROOT
from table import Row

sys.path.insert(0, str(ROOT / "tests" / "xen"))

BRIDGE = ROOT / "build" / "stakeout-xen"
RATE, SLOWDOWN, HEALED, NEAR = 5000, 1.02, 1.0, 0.8

# In dom0: from the kill until the guardian, which ends when all is taken back, has ended. What is armed then, by Xen's own
# tool, which takes half a second a vCPU here.
HEAL = """
stakeout-xen watch -d web1 --symbol jiffies_64 --ttl 60s -o json >/tmp/heal 2>&1 & p=$!
until grep -q '"armed"' /tmp/heal; do sleep 0.05; done
id=$(xl domid web1)
armed() { for v in 0 1; do xenctx -a $id $v; done | grep -i '^dr7' | grep -cv '00$'; }
echo "armed $(armed)"
a=$(cut -d' ' -f1 /proc/uptime)
kill -9 $p
while [ -n "$(pidof stakeout-xen)" ]; do :; done
echo "$a $(cut -d' ' -f1 /proc/uptime)"
echo "armed $(armed)"
"""

# In Bochs. xen-access sees the first write to each page and then lets the page go: the guest writes to many pages. Ours
# sees every write to one page, which the guest writes as often. Both print each event to a file.
EVENTS = 2000
BOCHS = f"""
now() {{ cut -d' ' -f1 /proc/uptime; }}
ours() {{ arm -d tiny --gpa 0x203100 --len 4 --no-stack; a=$(now); one_round; echo "$a $(now)"; end_watch; }}
theirs() {{
    xen-access "$(xl domid tiny)" write >/tmp/theirs 2>&1 & p=$!
    sleep 3; a=$(now); word 0x20401c {EVENTS} >/dev/null; until [ "$(word 0x20401c)" = 0 ]; do sleep 0.1; done; echo "$a $(now)"
    kill -INT $p; sleep 2; echo "events $(grep -c "PAGE ACCESS" /tmp/theirs)"
}}
check create create_tiny
check unpause xl unpause tiny
check first until_rounds 1
check ours ours
check theirs theirs
check ours-again ours
"""


def _seconds(lines: list[str]) -> float:
    begin, end = next(match for line in lines if (match := re.fullmatch(r"([\d.]+) ([\d.]+)", line))).groups()
    return float(end) - float(begin)


def _in_bochs() -> list[Row]:
    import bochs
    from emulator import WORK
    run = bochs.run(WORK / "bench", BOCHS, [BRIDGE])
    rates = []
    for name in ("ours", "ours-again"):
        lines = run.check(name).lines
        summary = next(json.loads(line) for line in lines if '"summary"' in line)
        rates.append((summary["hits"] + summary["outside"]) / _seconds(lines))
        lost = summary["lost"]
    theirs = run.check("theirs").lines
    # Those of the pages that the guest uses anyway came before its touches.
    events = int(next(line for line in theirs if line.startswith("events ")).split()[1])
    if not events:
        return [Row("mem_access events a second in Bochs, against Xen's own xen-access", "xen-access saw nothing: " + " ".join(theirs), "", None)]
    their_rate = events / _seconds(theirs)
    assert events >= 0.95 * EVENTS, theirs
    ratio = statistics.mean(rates) / their_rate
    return [Row("mem_access events a second in Bochs, against Xen's own xen-access in the same run",
                f"{ratio:.2f} times ({statistics.mean(rates):,.0f} against {their_rate:,.0f}, {lost} lost)", f"{NEAR} times or more", ratio >= NEAR)]


class _Watch:
    """A watch in dom0 that prints into a file there."""

    def __init__(self, dom0, arguments: str) -> None:  # type: ignore[no-untyped-def]
        self._dom0 = dom0
        dom0.run("rm -f /tmp/w")
        self._run = dom0.start(f"echo $$ >/run/stakeout-xen.pid; exec stakeout-xen watch -d web1 {arguments} --no-brake --no-stack --ttl 300s -o json >/tmp/w")
        while "armed" not in dom0.run("head -c 300 /tmp/w").stdout:
            time.sleep(0.1)

    def stop(self) -> tuple[list[dict], dict]:
        """Its first and its last hit, and its summary."""
        self._dom0.run("kill -INT $(pidof stakeout-xen)")
        self._run.wait()
        first = self._dom0.run("grep -m 1 '\"hit\"' /tmp/w").stdout.splitlines()
        last = self._dom0.run("grep '\"hit\"' /tmp/w | tail -n 1").stdout.splitlines()
        return [json.loads(line) for line in first + last], json.loads(self._dom0.run("tail -n 1 /tmp/w").stdout)


def _timed(work) -> float:  # type: ignore[no-untyped-def]
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def _rate(victim, dom0, where: str, work: str, count: int, repetitions: int) -> tuple[str, float, int]:  # type: ignore[no-untyped-def]
    """Hits a second in words and as the median, and how many are missing in all."""
    rates, lost = [], 0
    for _ in range(repetitions):
        watch = _Watch(dom0, where)
        victim.did(f"{work} {count}", timeout=300)
        (first, last), summary = watch.stop()
        rates.append((summary["records"] - 1) / ((last["time_ns"] - first["time_ns"]) / 1e9))
        lost += count - summary["records"]
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}), {lost} of {repetitions * count:,} lost", statistics.median(rates), lost


def _slowdown(victim, dom0, where: str, work: str, count: int, repetitions: int, still: bool = False) -> float:  # type: ignore[no-untyped-def]
    """`still`: the bridge is stopped meanwhile. QEMU runs all CPUs in one thread: what dom0 computes, the guest waits for."""
    plain, armed = [], []
    for _ in range(repetitions):
        plain.append(_timed(lambda: victim.did(f"{work} {count}", timeout=300)))
        watch = _Watch(dom0, where)
        if still:
            dom0.run("kill -STOP $(cat /run/stakeout-xen.pid)")
        armed.append(_timed(lambda: victim.did(f"{work} {count}", timeout=300)))
        if still:
            dom0.run("kill -CONT $(cat /run/stakeout-xen.pid)")
        watch.stop()
    return statistics.median(armed) / statistics.median(plain)


def _heal(dom0) -> float:  # type: ignore[no-untyped-def]
    lines = dom0.run(HEAL, timeout=120).stdout.splitlines()
    assert "armed 2" in lines and lines[-1] == "armed 0", lines
    return _seconds(lines)


def _under_qemu(quick: bool) -> list[Row]:
    from guests import Guest
    from victim import Victim
    from xen_qemu import Dom0
    hits, stores, repetitions = (2000, 1_000_000, 1) if quick else (20_000, 100_000_000, 5)
    with Dom0() as dom0:
        dom0.install(BRIDGE)
        with Guest(dom0, "web1", type="pv", vcpus=2) as guest:
            guest.wait_ready()
            victim = Victim(guest)
            user = f"--gva {victim.user:#x} --guest-pid {victim.pid}"
            kernel = f"--gva {victim.direct_map(victim.mapped_pfn):#x} --len 1"
            user_said, user_rate, user_lost = _rate(victim, dom0, user, "user", hits, repetitions)
            kernel_said, _, _ = _rate(victim, dom0, kernel, "kernel", hits, repetitions)
            unwatched = hits / _timed(lambda: victim.did(f"kernel {hits}", timeout=300))
            mapped = f"--gva {victim.mapped:#x} --guest-pid {victim.pid}"
            elsewhere = _slowdown(victim, dom0, mapped, "user", stores, repetitions, still=True)
            with_bridge = _slowdown(victim, dom0, mapped, "user", stores, repetitions)
            same_page = _slowdown(victim, dom0, user, "busy", stores // 10, repetitions)
            heals = [_heal(dom0) for _ in range(1 if quick else 5)]
    return [
        Row("hits a second by PV debug registers on stock Xen under TCG, a process's stores", user_said,
            f"{RATE:,}, none lost", user_rate >= RATE and user_lost == 0),
        Row("the same of its kernel's stores, a system call each", f"{kernel_said}; {unwatched:,.0f} calls a second without a watch", "", None),
        Row("a guest's work while it is armed and not hit, PV: stores to another page, the bridge stopped", f"{elsewhere:.3f} times", "1.00 (as far as can be measured)",
            elsewhere <= SLOWDOWN),
        Row("the same with the bridge at work on the emulator's one thread", f"{with_bridge:.3f} times", "", None),
        Row("the same, stores to other words of the watched page", f"{same_page:.2f} times", "", None),
        Row("the guest is free after kill -9 of the bridge", f"{statistics.median(heals):.2f} s (most {max(heals):.2f})", "under 1 s", max(heals) < HEALED),
    ]


def xen(quick: bool) -> list[Row]:
    if not BRIDGE.exists():
        return [Row("the Xen bridge", "not built: libxen-dev is missing", "", None)]
    subprocess.run([ROOT / "tests" / "xen" / "media.sh", ROOT / "build" / "xen"], check=True)
    return _under_qemu(quick) + _in_bochs()

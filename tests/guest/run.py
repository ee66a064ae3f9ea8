#!/usr/bin/env python3
"""Runs pytest files in Debian guests under QEMU.

    tests/guest/run.py                                both kernels side by side, tests/guest/test_*.py
    tests/guest/run.py --kernel 6.12 -k hotplug       one kernel, one test
    tests/guest/run.py --kernel 6.1 FILE -- -x        one file; what follows -- goes to pytest

Left in WORK/VERSION (default build/guest/6.1 and 6.12): serial.log, what the guest said; junit.xml, the results.
Exit status: 0 all passed, 1 a test failed or a guest died, 2 usage or preparation.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import qemu
import report

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1]
VERSIONS = ("6.1", "6.12")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", action="append", choices=VERSIONS, help="only this one; may be repeated")
    parser.add_argument("--work", type=Path, default=TREE / "build" / "guest")
    parser.add_argument("--stakeout", type=Path, default=TREE / "build" / "stakeout", help="the binary under test")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one guest, boot included")
    parser.add_argument("-k", dest="expression", help="only tests that match, as for pytest")
    parser.add_argument("files", nargs="*", type=Path, help="pytest files")
    ours, pytest = sys.argv[1:], []
    if "--" in ours:
        cut = ours.index("--")
        ours, pytest = ours[:cut], ours[cut + 1:]
    chosen = parser.parse_args(ours)
    chosen.pytest = pytest + (["-k", chosen.expression] if chosen.expression else [])
    chosen.files = [file.resolve() for file in chosen.files] or sorted(HERE.glob("test_*.py"))
    return chosen


def guest_script(kernel: qemu.Kernel, share: Path, chosen: argparse.Namespace) -> str:
    """What the guest runs. The host's root is read-only there; all that is written goes to /tmp and the share."""
    pytest = [
        # -p no:cacheprovider: nowhere to keep a cache; -v: the serial log must name the test that killed the guest
        "/usr/bin/python3", "-m", "pytest", "-v", "-ra", "--tb=short", "-p", "no:cacheprovider",
        f"--rootdir={TREE}", "-o", "junit_family=xunit2", "--junit-xml=/tmp/junit.xml",
        *chosen.pytest, *(str(file) for file in chosen.files),
    ]
    return "\n".join([
        "export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1",
        f"export STAKEOUT={shlex.quote(str(chosen.stakeout.resolve()))}",
        f"export FAULT_MODULES={shlex.quote(str(share / 'modules'))}",
        f"export SCRIPT_OBJECTS={shlex.quote(str(share / 'objects'))}",
        "cd /tmp",
        shlex.join(pytest),
        "status=$?",
        # In one piece: small writes to the share are slow.
        f"cp /tmp/junit.xml {shlex.quote(str(share))}/",
        "exit $status",
        "",
    ])


def fresh_share(kernel: qemu.Kernel, stakeout: Path) -> Path:
    share = kernel.folder / "share"
    shutil.rmtree(share, ignore_errors=True)
    (share / "objects").mkdir(parents=True)
    shutil.copytree(kernel.modules, share / "modules")
    # Compiled on this machine's kernel, run on the guest's: CO-RE, and no compiling under emulation.
    for name in ("followup", "snapshots", "in_task"):
        subprocess.run([stakeout, "compile", TREE / f"tests/scripts/{name}.c", "-o", share / f"objects/{name}.bpf.o"],
                       check=True, stdout=subprocess.DEVNULL)
    return share


def prepare(version: str, chosen: argparse.Namespace) -> qemu.Kernel:
    kernel = qemu.Kernel((chosen.work / version).resolve())
    subprocess.run([HERE / "initrd.sh", kernel.folder], check=True)
    share = fresh_share(kernel, chosen.stakeout)
    (share / "script").write_text(guest_script(kernel, share, chosen))
    return kernel


def run_kernel(version: str, kernel: qemu.Kernel, chosen: argparse.Namespace) -> report.Outcome:
    share, log, junit = kernel.folder / "share", kernel.folder / "serial.log", kernel.folder / "junit.xml"
    junit.unlink(missing_ok=True)
    lines: list[str] = []

    def show(line: str) -> None:
        lines.append(line)
        print(f"{version}: {line}", flush=True)

    started = time.monotonic()
    with qemu.Guest(kernel, share, log) as guest:
        status = guest.wait(chosen.timeout, show)
    suite = f"guest-{version}"
    if status >= 0 and (share / "junit.xml").exists():
        report.rename_suite(share / "junit.xml", junit, suite)
    else:
        causes = {qemu.GUEST_DIED: "the guest died", qemu.TIMED_OUT: f"not done after {chosen.timeout:.0f} s"}
        report.from_serial(lines, junit, suite, causes.get(status, f"pytest ended with {status}"))
    outcome = report.read(junit)
    tell(kernel, outcome, time.monotonic() - started, log)
    return outcome


def tell(kernel: qemu.Kernel, outcome: report.Outcome, seconds: float, log: Path) -> None:
    counts = ", ".join(f"{number} {what}" for what, number in sorted(outcome.counts.items()))
    print(f"== Linux {kernel.release}: {counts or 'no tests'} in {seconds:.0f} s")
    for name, reason in outcome.skipped:
        print(f"   SKIPPED {name}: {reason}")
    for name, reason in outcome.failed:
        print(f"   FAILED {name}: {reason.splitlines()[0] if reason else ''}")
    if not outcome.good:
        print(f"   serial log: {log}")


def run_side_by_side(kernels: dict[str, qemu.Kernel], chosen: argparse.Namespace) -> bool:
    """A guest uses one CPU at most, and waits for most of its time."""
    def run_one(version: str) -> None:
        sys.exit(0 if run_kernel(version, kernels[version], chosen).good else 1)

    fork = multiprocessing.get_context("fork")  # with our handlers of signals: each ends its own guest
    runs = [fork.Process(target=run_one, args=(version,)) for version in kernels]
    try:
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    finally:
        for run in runs:
            if run.is_alive():
                run.terminate()
                run.join()
    return all(run.exitcode == 0 for run in runs)


def end_orderly(number: int, _: object) -> None:
    raise SystemExit(128 + number)  # runs the context managers: QEMU is ended


def main() -> int:
    chosen = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_orderly)
    if not chosen.stakeout.exists():
        print(f"{chosen.stakeout} does not exist: build first, or name it with --stakeout", file=sys.stderr)
        return 2
    try:
        subprocess.run([HERE / "kernels.sh", chosen.work], check=True)
        kernels = {version: prepare(version, chosen) for version in chosen.kernel or VERSIONS}
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} failed with status {error.returncode}", file=sys.stderr)
        return 2
    return 0 if run_side_by_side(kernels, chosen) else 1


if __name__ == "__main__":
    sys.exit(main())

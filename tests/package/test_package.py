"""Installed, used and purged on a bare system; and the binary alone, copied to one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import kernel_state
from conftest import TREE, Chroot
from stakeout_run import wait_until


def named(packages: list[Path], name: str) -> Path:
    return next(path for path in packages if path.name.startswith(name + "_"))


def test_lintian_has_nothing_to_say(packages: list[Path]) -> None:
    said = subprocess.run(["lintian", "--fail-on", "error,warning", *map(str, packages)], capture_output=True, text=True,
                          check=False)
    assert said.returncode == 0, said.stdout


def test_installed_used_and_purged(chroot: Chroot, packages: list[Path]) -> None:
    before = set(chroot.run("find", "/usr", "/etc", "/var", "/lib", "-xdev").stdout.splitlines())
    shutil.copy(named(packages, "stakeout"), chroot.root / "tmp" / "stakeout.deb")
    chroot.run("dpkg", "-i", "/tmp/stakeout.deb")
    try:
        assert chroot.run("stakeout", "--version").stdout.startswith("stakeout ")
        assert chroot.run("stakeout", "doctor", check=False).stdout.startswith("ok")
        assert chroot.run("stakeout", "watch", "--symbol", "jiffies_64", "-d", "--name", "packed").stdout == "packed\n"
        wait_until(lambda: json.loads(chroot.run("stakeout", "show", "packed", "-o", "json").stdout)["hits"] > 3,
                   "the timer's ticks are seen")
        assert "tick_do_update_jiffies64" in chroot.run("stakeout", "last", "packed").stdout
        report = chroot.run("stakeout", "report", "packed", "--html", "/tmp/report.html")
        assert report.returncode == 0 and (chroot.root / "tmp" / "report.html").read_text().startswith("<!doctype html>")
        (chroot.root / "etc/stakeout/ticks.conf").write_text('symbol = "jiffies_64"\ncount = 2\nrw = false\n')
        ticks = chroot.run("stakeout", "watch", "--name", "ticks", "--config", "/etc/stakeout/ticks.conf", "-o", "json")
        assert ticks.stdout.count('"type":"hit"') == 2
        (chroot.root / "etc/stakeout/ticks.conf").unlink()
    finally:
        chroot.run("dpkg", "-P", "stakeout")
    # A watch that still ran is ended by the removal: nothing could end it afterwards.
    wait_until(kernel_state.all_slots_free, "its slots are free")
    after = set(chroot.run("find", "/usr", "/etc", "/var", "/lib", "-xdev").stdout.splitlines())
    left = {path for path in after - before if not re.match(r"/var/(log|lib/dpkg)\b", path)}
    assert not left and not (chroot.root / "run/stakeout").exists()


def test_the_binary_alone_works(chroot: Chroot, tmp_path: Path) -> None:
    stripped = tmp_path / "stakeout"
    subprocess.run(["strip", "-o", str(stripped), str(TREE / "build" / "stakeout")], check=True)
    shutil.copy(stripped, chroot.root / "tmp" / "stakeout")
    watch = chroot.run("/tmp/stakeout", "watch", "--symbol", "jiffies_64", "--count", "2", "-o", "json")
    assert watch.stdout.count('"type":"hit"') == 2
    shutil.copy(TREE / "tests" / "scripts" / "stop.c", chroot.root / "tmp" / "stop.c")
    checked = chroot.run("/tmp/stakeout", "check", "/tmp/stop.c", check=False)
    assert checked.returncode == 0, checked.stderr  # the compiler is in the binary


def test_the_unit_is_understood(packages: list[Path]) -> None:
    """Every directive is one that systemd.exec(5) and systemd.service(5) of Debian 12 know."""
    text = (TREE / "packaging/systemd/stakeout@.service").read_text()
    assert "Type=notify" in text and "--config /etc/stakeout/%i.conf" in text
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd is not installed here")
    said = subprocess.run([verify, "verify", str(TREE / "packaging/systemd/stakeout@.service")], capture_output=True,
                          text=True, check=False)
    complaints = [line for line in said.stderr.splitlines()
                  if "stakeout" in line and "is not executable" not in line and "man " not in line]
    assert not complaints, said.stderr

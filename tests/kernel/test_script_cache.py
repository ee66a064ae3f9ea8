"""Compiled scripts are kept in /var/cache/stakeout, root's alone; nothing else that lies there is believed.

Each test has a /var/cache of its own, in a mount namespace of its own.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import pytest

from actor import Actor
from scripts import SCRIPTS, of_actor
from stakeout_run import BINARY, BOUND

GUARD = str(SCRIPTS / "guard.c")
NOBODY = 65534


class PrivateCache:
    """/var/cache is the folder `place` for what runs by it; `mount` is done there first, by a shell."""

    def __init__(self, place: Path, mount: str = "") -> None:
        place.mkdir()
        self.folder = place / "stakeout"
        self.prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                       f'set -e; mount --bind "{place}" /var/cache; {mount or ":"}; exec "$@"', "sh"]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.prefix, *arguments], capture_output=True, text=True, timeout=BOUND, check=False)

    def check(self, script: str = GUARD, *options: str) -> str:
        """The script is fine, whatever the cache is; what stakeout says about the cache."""
        ended = self.run(BINARY, "check", script, *options)
        assert ended.returncode == 0 and ": fine: " in ended.stdout, ended.stderr
        return ended.stderr

    def entries(self) -> list[Path]:
        found = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        assert all(path.suffix == ".script" for path in found), f"litter: {found}"
        return found

    def entry(self) -> Path:
        entries = self.entries()
        assert len(entries) == 1, entries
        return entries[0]


@pytest.fixture
def cache(tmp_path: Path) -> PrivateCache:
    return PrivateCache(tmp_path / "cache")


def test_first_start_keeps_and_second_takes(cache: PrivateCache) -> None:
    assert cache.check() == ""
    made = cache.entry()
    assert re.fullmatch(r"[0-9a-f]{64}\.script", made.name)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700 and stat.S_IMODE(made.stat().st_mode) == 0o600
    assert made.stat().st_uid == cache.folder.stat().st_uid == 0
    inode = made.stat().st_ino
    os.utime(made, ns=(0, 0))
    assert cache.check(GUARD, "--param", "high=99") == ""
    # A compilation would have put a new file in its place; a look into it gives it the time.
    assert cache.entry().stat().st_ino == inode and made.stat().st_mtime_ns > 0


def test_another_text_is_another_entry(cache: PrivateCache, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "script.c").write_text((SCRIPTS / "guard.c").read_text() + f"// {number}\n")
        cache.check(str(tmp_path / "script.c"))
    assert len(cache.entries()) == 3
    (tmp_path / "elsewhere.c").write_text((tmp_path / "script.c").read_text())
    cache.check(str(tmp_path / "elsewhere.c"))
    assert len(cache.entries()) == 3


def test_what_is_refused_is_not_kept(cache: PrivateCache) -> None:
    for name in ("division_by_zero", "syntax_error"):
        assert cache.run(BINARY, "check", str(SCRIPTS / "defective" / f"{name}.c")).returncode == 3
    assert not cache.entries()


def test_warnings_are_kept_too(cache: PrivateCache, tmp_path: Path) -> None:
    (tmp_path / "script.c").write_text("#include <stakeout.h>\non_hit(h) {\n    int unused_one;\n    return keep;\n}\n")
    first, second = cache.check(str(tmp_path / "script.c")), cache.check(str(tmp_path / "script.c"))
    assert "unused_one" in first and first == second
    cache.entry()


def test_own_headers_are_read_again(cache: PrivateCache, tmp_path: Path) -> None:
    (tmp_path / "script.c").write_text('#include <stakeout.h>\n#include "own.h"\non_hit(h) { fields(h)->FIELD = 1; return keep; }\n')
    for name in ("first", "second"):
        (tmp_path / "own.h").write_text(f"#define FIELD {name}\nstruct fields {{ u32 FIELD; }};\n")
        ended = cache.run(BINARY, "check", str(tmp_path / "script.c"))
        assert ended.returncode == 0 and f"fields: {name}" in ended.stdout, ended.stderr


def truncate(entry: Path) -> None:
    os.truncate(entry, entry.stat().st_size // 2)


def flip(place: float) -> Callable[[Path], None]:
    def damage(entry: Path) -> None:
        content = bytearray(entry.read_bytes())
        content[min(int(place * len(content)), len(content) - 1)] ^= 4
        entry.write_bytes(content)
    return damage


def link_elsewhere(entry: Path) -> None:
    other = entry.parents[2] / "elsewhere"
    entry.rename(other)
    entry.symlink_to(other)


def replace_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(entry: Path) -> None:
        entry.unlink()
        make(entry)
    return damage


DAMAGES: dict[str, Callable[[Path], None]] = {
    "truncated": truncate,
    "empty": lambda entry: os.truncate(entry, 0),
    "longer": lambda entry: entry.write_bytes(entry.read_bytes() + b"x") and None,
    "first byte": flip(0), "a byte of the object": flip(0.5), "last byte": flip(1),
    "foreign": lambda entry: os.chown(entry, NOBODY, 0),
    "writable for all": lambda entry: entry.chmod(0o666),
    "writable for the group": lambda entry: entry.chmod(0o620),
    "link": link_elsewhere,
    "pipe": replace_by(os.mkfifo),
    "folder": replace_by(os.mkdir),
    "huge": lambda entry: os.truncate(entry, 1 << 40),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_entry_is_passed_over(cache: PrivateCache, damage: str) -> None:
    cache.check()
    entry = cache.entry()
    DAMAGES[damage](entry)
    said = cache.check()
    assert "passed over" in said and entry.name in said
    if damage == "link":
        assert not entry.is_symlink() and entry.parents[2].joinpath("elsewhere").exists()
    if damage != "folder":  # made anew, and believed again
        assert cache.check() == "" and stat.S_IMODE(cache.entry().stat().st_mode) == 0o600


def test_entry_of_another_script(cache: PrivateCache) -> None:
    cache.check()
    guard = cache.entry()
    kept = guard.read_bytes()
    cache.check(str(SCRIPTS / "state.c"))
    (state,) = (entry for entry in cache.entries() if entry != guard)
    state.write_bytes(kept)
    assert "passed over" in cache.check(str(SCRIPTS / "state.c"))


@pytest.mark.parametrize("damage", ["writable for all", "foreign", "link", "file"])
def test_folder_that_is_not_root_s_alone(cache: PrivateCache, damage: str) -> None:
    cache.check()
    if damage == "writable for all":
        cache.folder.chmod(0o777)
    elif damage == "foreign":
        os.chown(cache.folder, NOBODY, 0)
    else:
        cache.folder.rename(cache.folder.with_name("elsewhere"))
        if damage == "link":
            cache.folder.symlink_to("elsewhere")
        else:
            cache.folder.write_text("no folder")
    real = cache.folder.with_name("elsewhere") if damage in ("link", "file") else cache.folder
    before = {path.name: path.stat().st_ino for path in real.iterdir()}
    os.utime(real / next(iter(before)), ns=(0, 0))
    said = cache.check()
    assert "not used" in said and "/var/cache/stakeout" in said
    assert {path.name: path.stat().st_ino for path in real.iterdir()} == before
    assert (real / next(iter(before))).stat().st_mtime_ns == 0, "it was looked into"


@pytest.mark.parametrize("mount", [
    "mount -o remount,bind,ro /var/cache",
    "mount -t tmpfs -o size=4k none /var/cache",
    "mount -t tmpfs -o size=4k none /var",
    "mount -t tmpfs -o nr_inodes=2 none /var/cache",
])
def test_no_room_costs_nothing_but_the_cache(tmp_path: Path, mount: str) -> None:
    cache = PrivateCache(tmp_path / "cache", mount)
    assert cache.check() == ""
    listed = cache.run("sh", "-c", f'"{BINARY}" check "{GUARD}" >/dev/null && find /var/cache/stakeout/ -type f 2>/dev/null || true')
    assert listed.returncode == 0 and not listed.stdout, f"left half-written: {listed.stdout}"


def test_many_first_starts_at_once(cache: PrivateCache) -> None:
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(lambda _: cache.check(), range(6))) == {""}
    assert cache.check() == "" and cache.entry()


def test_old_entries_make_room(cache: PrivateCache, tmp_path: Path) -> None:
    cache.check()
    made = cache.entry()
    for number in range(300):
        path = made.with_name(f"{number:064x}.script")
        path.write_bytes(b"")
        os.utime(path, (number, number))
    cache.check(str(SCRIPTS / "state.c"))
    left = cache.entries()
    assert len(left) <= 64 and made in left


@pytest.mark.parametrize("damage", ["truncated", "writable for all"])
def test_watch_works_all_the_same(cache: PrivateCache, actor: Actor, damage: str) -> None:
    cache.check()
    DAMAGES[damage](cache.entry())
    watch = of_actor(actor, "guard.c", high=3)
    watch.argv = [*cache.prefix, *watch.argv]
    with watch:
        watch.wait_armed()
        actor.do("w8 0 5")
        hits = watch.wait_hits(2 - actor.sigtraps())
        assert watch.stop() == 0
    assert {hit["fields"]["why"] for hit in hits} == {"out of range"}
    assert "passed over" in watch.stderr + str(watch.of_type("notice"))

"""Watches that live on by themselves: found, asked, renewed, removed, and gone when they must be."""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Iterator

import pytest

import kernel_state
from actor import Actor
from keeper_run import Keepers, is_alive
from stakeout_run import BINARY, PATIENCE, die_with_parent, wait_until

LOST_TARGET, CANNOT_ARM, USAGE = 4, 3, 2


@pytest.fixture
def keepers() -> Iterator[Keepers]:
    with Keepers() as running:
        yield running


def on(actor: Actor, offset: int = 0) -> list[str]:
    return ["--pid", str(actor.pid), "--addr", hex(actor.address(offset=offset)), "--len", "8"]


def test_found_asked_renewed_removed(keepers: Keepers, actor: Actor) -> None:
    name = keepers.start(*on(actor), "--ttl", "5m", name="db-state")
    assert name == "db-state"
    written = actor.do("w8 0 3")
    wait_until(lambda: keepers.status(name)["shown"] == written, "the watch has seen the writes")
    status = keepers.status(name)
    assert status["detached"] and status["hits"] == written and status["lost"] == 0
    assert status["cpus_armed"] == list(range(status["cpus_online"])) and status["slots"] == 1
    assert status["last"]["pid"] == actor.pid and status["last"]["comm"] == "actor"
    assert sum(stack["hits"] for stack in status["hottest"]) == written
    assert keepers.status(status["watch"])["name"] == name  # by its id too
    listed = keepers.command("list").stdout
    assert name in listed and status["watch"] in listed and str(status["hits"]) in listed
    renewed = keepers.command("renew", name, "--ttl", "1h")
    assert renewed.returncode == 0 and "ends in" in renewed.stdout
    after = keepers.status(name)
    assert after["deadline_ns"] - after["now_ns"] > 3500e9
    removed = keepers.command("remove", name)
    assert removed.returncode == 0 and f"{written} hits" in removed.stdout
    # All of it, when the command has returned.
    assert kernel_state.all_slots_free() and not is_alive(status["pid"])
    assert keepers.files() == [] and keepers.names() == []


def test_ended_by_count_leaves_nothing(keepers: Keepers, actor: Actor) -> None:
    name = keepers.start(*on(actor), "--count", "2")
    pid = keepers.status(name)["pid"]
    actor.do("w8 0 5")
    keepers.wait_gone(pid)
    assert keepers.files() == []
    assert keepers.command("show", name).returncode == USAGE


def test_refusals(keepers: Keepers, actor: Actor) -> None:
    name = keepers.start(*on(actor), name="taken")
    again = keepers.command("watch", "--detach", "--name", "taken", *on(actor, 8))
    assert again.returncode == CANNOT_ARM and "a running watch has that name" in again.stderr
    assert again.stdout == ""
    for bad in ("../x", "", ".x", "a b", "x" * 60):
        if bad:
            assert keepers.command("watch", "--detach", f"--name={bad}", *on(actor)).returncode == USAGE, bad
    nobody = keepers.command("remove", "not-there")
    assert nobody.returncode == USAGE and "these run: taken" in nobody.stderr
    assert keepers.command("renew", name, "--ttl", "1ms").returncode == USAGE
    assert keepers.command("remove").returncode == USAGE
    failed = keepers.command("watch", "--detach", "--symbol", "no_such_symbol_anywhere")
    assert failed.returncode == CANNOT_ARM or failed.returncode == USAGE
    assert "no_such_symbol_anywhere" in failed.stderr and failed.stdout == ""
    assert keepers.names() == ["taken"]
    assert keepers.command("remove", "--all").returncode == 0
    assert keepers.names() == []


@pytest.mark.parametrize("number", [signal.SIGHUP])
def test_outlives_its_terminal(keepers: Keepers, actor: Actor, number: signal.Signals) -> None:
    """Started from a terminal's session leader, which ends; then the signal that a logout sends, once more."""
    leader, terminal = pty.openpty()
    shell = subprocess.Popen(["/bin/sh", "-c", f"{BINARY} watch --detach --name away {' '.join(on(actor))}; exec sleep 600"],
                             stdin=terminal, stdout=terminal, stderr=terminal, env=keepers.environment,
                             start_new_session=True, preexec_fn=die_with_parent)
    os.close(terminal)
    wait_until(lambda: "away" in keepers.names(), "the watch is armed")
    pid = keepers.status("away")["pid"]
    keepers.pids.add(pid)
    os.killpg(shell.pid, signal.SIGHUP)
    os.close(leader)
    shell.kill()
    shell.wait()
    os.kill(pid, number)
    seen = keepers.status("away")["hits"]
    written = actor.do("w8 0 2")
    wait_until(lambda: keepers.status("away")["hits"] == seen + written, "it still watches")
    assert keepers.command("remove", "away").returncode == 0


def test_notice_reaches_terminal_and_command(keepers: Keepers, actor: Actor, tmp_path: Path) -> None:
    told = tmp_path / "told"
    leader, terminal = pty.openpty()
    command = f'echo "$STAKEOUT_EVENT|$STAKEOUT_NAME|$STAKEOUT_TEXT|$STAKEOUT_HITS" >> {told}'
    shell = subprocess.Popen(["/bin/sh", "-c", f"{BINARY} watch --detach --name soon --ttl 2s --notify '{command}' "
                              f"{' '.join(on(actor))}; exec sleep 600"],
                             stdin=terminal, stdout=terminal, stderr=terminal, env=keepers.environment,
                             start_new_session=True, preexec_fn=die_with_parent)
    os.close(terminal)
    shown = b""

    def read() -> bytes:
        nonlocal shown
        while select_readable(leader):
            shown += os.read(leader, 4096)
        return shown

    try:
        wait_until(lambda: b"watch soon: ended: its time to live is over" in read(), "the terminal is told of the end")
        assert b"watch soon: this watch ends in" in shown and b"stakeout renew soon" in shown
        wait_until(lambda: told.exists() and "ended|soon|ended: its time to live is over" in told.read_text(),
                   "the command is told of the end")
        assert told.read_text().startswith("notice|soon|this watch ends in")
    finally:
        shell.kill()
        shell.wait()
        os.close(leader)
    assert keepers.files() == []


def select_readable(fd: int) -> bool:
    import select

    return bool(select.select([fd], [], [], 0)[0])


def test_journal_is_told(keepers: Keepers, actor: Actor) -> None:
    path = Path("/dev/log")
    if path.exists():
        pytest.skip("a journal runs here: what it is told cannot be seen without reading it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(path))
        journal.settimeout(30 * PATIENCE)
        try:
            keepers.start(*on(actor), "--ttl", "1s", name="logged")
            lines = [journal.recv(4096).decode(), journal.recv(4096).decode()]
        finally:
            path.unlink()
    assert any("watch logged" in line and "ends in" in line for line in lines), lines
    assert any("ended: its time to live is over" in line for line in lines), lines


def test_killed_keeper_is_forgotten(keepers: Keepers, actor: Actor) -> None:
    name = keepers.start(*on(actor), name="shot")
    pid = keepers.status(name)["pid"]
    os.kill(pid, signal.SIGKILL)
    keepers.wait_gone(pid)
    wait_until(kernel_state.all_slots_free, "its slots are free")
    assert keepers.files() != []  # what it could not remove itself
    assert keepers.names() == [] and keepers.files() == []
    assert keepers.start(*on(actor), name="shot") == "shot"
    assert keepers.command("remove", "shot").returncode == 0


def test_stopped_keeper_is_told_and_does_not_hold_up_the_list(keepers: Keepers, actor: Actor) -> None:
    keepers.start(*on(actor), name="asleep")
    keepers.start(*on(actor, 8), name="awake")
    pid = keepers.status("asleep")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        listed = keepers.list()
        assert [watch["name"] for watch in listed["watches"]] == ["awake"]
        assert [(silent["name"], silent["pid"]) for silent in listed["silent"]] == [("asleep", pid)]
        shown = keepers.command("show", "asleep")
        assert shown.returncode == LOST_TARGET and f"kill -9 {pid}" in shown.stderr
    finally:
        os.kill(pid, signal.SIGCONT)
    assert keepers.command("remove", "--all").returncode == 0


def test_a_refused_watch_names_those_in_the_way_and_waits_for_one(keepers: Keepers, actor: Actor) -> None:
    for index in range(kernel_state.SLOTS):
        keepers.start(*on(actor, 8 * index), "--ttl", "30m", name=f"slot{index}")
    refused = keepers.command("watch", *on(actor, 64))
    assert refused.returncode == CANNOT_ARM
    for index in range(kernel_state.SLOTS):
        assert f"as watch slot{index} of" in refused.stderr
    assert "which ends in 29m" in refused.stderr and "--wait" in refused.stderr
    impatient = keepers.command("watch", "--wait=1s", *on(actor, 64))
    assert impatient.returncode == CANNOT_ARM and "waiting for a slot" in impatient.stderr
    waiting = [subprocess.Popen([BINARY, "watch", "--detach", "--wait", "--name", f"queued{number}", *on(actor, 64)],
                                env=keepers.environment, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
               for number in range(1)]
    wait_until(lambda: any(file.endswith(".ticket") for file in keepers.files()), "it queues")
    assert waiting[0].poll() is None
    assert keepers.command("remove", "slot2").returncode == 0
    assert waiting[0].wait(60 * PATIENCE) == 0
    assert "queued0" in keepers.names() and not any(file.endswith(".ticket") for file in keepers.files())
    assert keepers.command("remove", "--all").returncode == 0


def test_renewal_races_with_expiry(keepers: Keepers, actor: Actor) -> None:
    """A renewal is granted, and then the watch lives; or it is refused, and then it ends. Never both."""
    chance = random.Random(6)
    outcomes = set()
    for turn in range(8):
        name = keepers.start(*on(actor), "--ttl", "1s", name=f"race{turn}")
        status = keepers.status(name)
        time.sleep(max(0.0, (status["deadline_ns"] - time.monotonic_ns()) / 1e9 + chance.uniform(-0.03, 0.01)))
        renewed = keepers.command("renew", name, "--ttl", "5m")
        outcomes.add(renewed.returncode)
        if renewed.returncode == 0:
            after = keepers.status(name)
            assert after["deadline_ns"] - after["now_ns"] > 250e9
            seen = after["hits"]
            written = actor.do("w8 0 1")
            wait_until(lambda: keepers.status(name)["hits"] == seen + written, "it lives and sees")
            assert keepers.command("remove", name).returncode == 0
        else:
            assert renewed.returncode in (LOST_TARGET, USAGE), renewed.stderr
            keepers.wait_gone(status["pid"])
    assert kernel_state.all_slots_free() and keepers.files() == [] and outcomes <= {0, LOST_TARGET, USAGE}


def test_two_hundred_watches_with_random_ends(keepers: Keepers, actor: Actor) -> None:
    chance = random.Random(200)
    running: dict[str, int] = {}
    for number in range(200):
        if len(running) == kernel_state.SLOTS or (running and chance.random() < 0.3):
            name = chance.choice(sorted(running))
            pid = running.pop(name)
            way = chance.choice(["remove", "kill", "term"])
            if way == "remove":
                assert keepers.command("remove", name).returncode == 0
            else:
                os.kill(pid, signal.SIGKILL if way == "kill" else signal.SIGTERM)
                keepers.wait_gone(pid)
        wait_until(lambda: kernel_state.free_slots(0) + len(running) == kernel_state.SLOTS, "slots are as counted")
        name = keepers.start(*on(actor, 8 * chance.randrange(8)), "--no-stack", name=f"w{number}")
        running[name] = keepers.status(name)["pid"]
        if chance.random() < 0.2:
            actor.do("w8 0 1")
    assert keepers.names() == sorted(running)
    assert keepers.command("remove", "--all").returncode == 0
    assert keepers.names() == [] and keepers.files() == []
    for pid in keepers.pids:
        keepers.wait_gone(pid)


def test_another_user_gets_nowhere(keepers: Keepers, actor: Actor) -> None:
    name = keepers.start(*on(actor), name="private")
    keepers.run_folder.parent.chmod(0o755)
    assert keepers.run_folder.stat().st_mode & 0o777 == 0o700
    for file in keepers.run_folder.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
    for command in (["list"], ["show", name], ["remove", name], ["remove", "--all"], ["renew", name]):
        refused = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", BINARY, *command], capture_output=True,
                                 text=True, env=keepers.environment, check=False, timeout=60)
        if "Permission denied" in refused.stderr and "setpriv" in refused.stderr:
            pytest.skip("the tree lies in a folder closed to other users")
        assert refused.returncode == CANNOT_ARM and "mode 0700" in refused.stderr, refused
    # A folder that others may write to is not trusted.
    open_folder = keepers.run_folder.parent / "open"
    open_folder.mkdir(mode=0o777)
    open_folder.chmod(0o777)
    refused = subprocess.run([BINARY, "list"], capture_output=True, text=True, check=False,
                             env={**keepers.environment, "STAKEOUT_RUN": str(open_folder)})
    assert refused.returncode == CANNOT_ARM and "only we may enter" in refused.stderr
    assert keepers.command("remove", name).returncode == 0


def test_a_client_that_says_nonsense_or_nothing_harms_nobody(keepers: Keepers, actor: Actor) -> None:
    name = keepers.start(*on(actor), name="patient")
    path = str(keepers.run_folder / f"{name}.sock")
    clients = []
    for text in (b"", b"nonsense\n", b"{}\n", b'{"op":7}\n', b'{"op":"dance"}\n', b"x" * 200_000):
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        try:
            client.sendall(text)
        except OSError:
            pass
        clients.append(client)
    refusal = json.loads(clients[4].makefile().readline())
    assert refusal["ok"] is False and "dance" in refusal["error"]["cause"]
    written = actor.do("w8 0 2")
    wait_until(lambda: keepers.status(name)["hits"] == written, "it still watches and answers")
    for client in clients:
        client.close()
    assert keepers.command("remove", name).returncode == 0


def test_foreground_watch_is_found_too(keepers: Keepers, actor: Actor) -> None:
    watch = subprocess.Popen([BINARY, "watch", "--name", "here", *on(actor)], env=keepers.environment, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=die_with_parent)
    wait_until(lambda: keepers.names() == ["here"], "it is listed")
    assert keepers.status("here")["detached"] is False
    assert keepers.command("remove", "--all").returncode == 0  # only those that nobody sits in front of
    assert keepers.names() == ["here"]
    assert keepers.command("remove", "here").returncode == 0
    assert watch.wait(60 * PATIENCE) == 0
    assert "it was removed" in watch.communicate()[1]

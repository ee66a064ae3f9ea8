"""Watches of the actor with rules, for the tests of rules."""

from __future__ import annotations

from actor import Actor
from stakeout_run import Watch, run

USAGE = 2


def of_actor(actor: Actor, *rules: str, access: str = "--w") -> Watch:
    """A watch of the first 8 bytes of the actor's memory."""
    return Watch("--pid", str(actor.pid), "--addr", f"{actor.address():#x}", "--len", "8", access, *rules)


def refused(actor: Actor, *rules: str, target: tuple[str, ...] = ()) -> str:
    """The watch cannot be asked for like that; what stakeout says."""
    where = target or ("--pid", str(actor.pid), "--addr", f"{actor.address():#x}", "--len", "8", "--w")
    ended = run("watch", *where, *rules)
    assert ended.returncode == USAGE, ended.stderr
    assert ended.stderr.startswith("stakeout: cannot "), ended.stderr
    return ended.stderr

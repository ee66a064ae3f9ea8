"""Scripts that nobody wrote: they may be refused, but never crash stakeout, and never stay in the kernel.

SCRIPT_FUZZ_SEED and SCRIPT_FUZZ_COUNT change what is tried.
"""

from __future__ import annotations

import os
import random
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import pytest

import kernel_state
from scripts import SCRIPTS, NothingLeft
from stakeout_run import run

SEED = int(os.environ.get("SCRIPT_FUZZ_SEED", "1"))
COUNT = int(os.environ.get("SCRIPT_FUZZ_COUNT", "150"))
FINE = (0, 2, 3)  # accepted, usage, refused; never a signal, never an internal error
TOKEN = re.compile(r"[A-Za-z_]\w*|0[xX][0-9a-fA-F]+|\d+|\s+|->|&&|\|\||[<>=!+\-&|]=|<<|>>|\+\+|--|\"[^\"\n]*\"|.", re.S)
NUMBERS = ["0", "1", "-1", "2", "7", "16", "255", "256", "4095", "4096", "4097", "65536", "0x7fffffff", "0xffffffff", "1ull << 63",
           "0xffffffffffffffff", "1000000"]


def tokens_of(text: str) -> list[str]:
    return TOKEN.findall(text)


def mutate_text(text: str, others: list[str], rng: random.Random) -> str:
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        head, _, body = text.partition("\n\n")  # the comment and the #include lines stay mostly
        tokens = tokens_of(body)
        words = [at for at, token in enumerate(tokens) if not token.isspace()]
        if not words:
            return text
        at, other = rng.choice(words), rng.choice(words)
        kind = rng.randrange(8)
        if kind == 0:
            del tokens[at]
        elif kind == 1:
            tokens.insert(at, tokens[other])
        elif kind == 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif kind == 3:
            numbers = [place for place in words if tokens[place][0].isdigit()]
            if numbers:
                tokens[rng.choice(numbers)] = rng.choice(NUMBERS)
        elif kind == 4:
            tokens[at] = rng.choice([token for token in tokens_of(rng.choice(others)) if not token.isspace()])
        else:
            lines = "".join(tokens).split("\n")
            first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
            if kind == 5:
                del lines[first]
            elif kind == 6:
                lines.insert(first, lines[second])
            else:
                lines[first], lines[second] = lines[second], lines[first]
            tokens = ["\n".join(lines)]
        text = head + "\n\n" + "".join(tokens)
    return text


def mutate_bytes(image: bytes, rng: random.Random) -> bytes:
    changed = bytearray(image)
    for _ in range(rng.choice((1, 2, 4, 16, 64))):
        at = rng.randrange(len(changed))
        kind = rng.randrange(5)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 2:
            word = rng.choice((0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, len(image))).to_bytes(4, "little")
            changed[at:at + 4] = word[:len(changed) - at]
        elif kind == 3:
            other = rng.randrange(len(changed))
            length = min(rng.choice((4, 8, 16, 64)), len(changed) - max(at, other))
            changed[at:at + length] = changed[other:other + length]
        else:
            changed[0x28 + rng.randrange(24)] ^= 1 << rng.randrange(8)  # the header's tables
    return bytes(changed[:rng.randrange(1, len(changed))] if rng.randrange(20) == 0 else changed)


def try_all(cases: list[Path]) -> dict[int, int]:
    """Checks each, two at a time; how often which exit status came."""
    def check(path: Path) -> tuple[Path, int, str]:
        ended = run("check", str(path), timeout=120)
        return path, ended.returncode, ended.stderr

    seen: dict[int, int] = {}
    with ThreadPoolExecutor(2) as pool:
        for path, code, said in pool.map(check, cases):
            seen[code] = seen.get(code, 0) + 1
            assert code in FINE, f"{path.name}: exit status {code}\n{said[-2000:]}\n{path.read_bytes()[:4000]!r}"
            assert code == 0 or said.startswith("stakeout: "), f"{path.name}: {said[:500]}"
            assert "gave up" not in said, f"{path.name}: {said[-2000:]}\n{path.read_text()}"
    return seen


def made(folder: Path, suffix: str, make: Callable[[int], bytes]) -> list[Path]:
    cases = []
    for number in range(COUNT):
        path = folder / f"{number}{suffix}"
        path.write_bytes(make(number))
        cases.append(path)
    return cases


def test_changed_texts(tmp_path: Path) -> None:
    texts = [path.read_text() for path in sorted(SCRIPTS.glob("*.c"))]
    rng = random.Random(SEED)
    cases = made(tmp_path, ".c", lambda number: mutate_text(texts[number % len(texts)], texts, rng).encode())
    with NothingLeft():
        seen = try_all(cases)
    assert kernel_state.all_slots_free()
    assert min(seen.get(0, 0), seen.get(3, 0)) > COUNT // 20, f"one-sided: {seen}"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("objects")
    for path in SCRIPTS.glob("*.c"):
        assert run("compile", str(path), "-o", str(folder / f"{path.stem}.o")).returncode == 0
    return [path.read_bytes() for path in sorted(folder.glob("*.o"))]


def test_changed_objects(tmp_path: Path, objects: list[bytes]) -> None:
    rng = random.Random(SEED)
    cases = made(tmp_path, ".o", lambda number: mutate_bytes(objects[number % len(objects)], rng))
    with NothingLeft():
        seen = try_all(cases)
    assert kernel_state.all_slots_free()
    assert len(seen) >= 2, f"one-sided: {seen}"

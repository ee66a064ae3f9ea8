"""--when in the kernel against a C compiler: thousands of expressions, each judged by many values.

when_oracle (tests/oracle) compiles the expressions to BPF, runs them in this kernel and in C++; gcc gives the answers.
WHEN_ORACLE_SEED and WHEN_ORACLE_EXPRESSIONS change what is tried.
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from stakeout_run import BINARY
from when_cases import COMMS, NUMBERS, POINTER, STRUCT, Group, Maker, Values, ask_compiler, make_nodes, make_values

ORACLE = Path(BINARY).parent / "tests" / "oracle" / "when_oracle"
SEED = int(os.environ.get("WHEN_ORACLE_SEED", "1"))
EXPRESSIONS = int(os.environ.get("WHEN_ORACLE_EXPRESSIONS", "600"))  # of each of the ten kinds of target
POOL = 24
DROP_CHANGED, DROP_FROM, DROP_COMM, DROP_WHEN = range(4)  # enum so_drop


def ask_stakeout(commands: list[str]) -> list[str]:
    done = subprocess.run([ORACLE], input="\n".join(commands) + "\n", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def when(text: str) -> str:
    return f"when {text.encode().hex()}"


def test_expressions_against_the_compiler(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    nodes = make_nodes(rng)
    groups = []
    for target in [*NUMBERS, STRUCT, POINTER]:
        maker = Maker(target, rng)
        groups.append(Group(target, [maker.make(rng.randrange(1, 6)) for _ in range(EXPRESSIONS)],
                            [make_values(target, 0, rng) for _ in range(POOL)]))
    ask_compiler(groups, nodes, tmp_path)

    commands = [f"node {node.hex()}" for node in nodes]
    for group in groups:
        commands += ["targets", group.target.command, "pool", *(values.command() for values in group.pool)]
        commands += [when(expression.ours) for expression in group.expressions]
    told = iter(ask_stakeout(commands))

    wrong, seen = [], {"0": 0, "1": 0, "2": 0}
    for group in groups:
        for expression, right in zip(group.expressions, group.answers, strict=True):
            answers = next(told)
            for i, expected in enumerate(right):
                seen[expected] += 1
                kernel, evaluated, reason = answers[3 * i : 3 * i + 3]
                if (kernel, evaluated) != (expected, expected) or (reason == str(DROP_WHEN)) != (expected == "0"):
                    wrong.append(f"{group.target}: {expression.ours}\n  C: {expression.c}\n  {group.pool[i]}\n"
                                 f"  C says {expected}, the kernel {kernel} (reason {reason}), C++ {evaluated}")
    assert not wrong, f"{len(wrong)} of {sum(seen.values())}:\n" + "\n".join(wrong[:5])
    # The cases must be worth something: all answers are frequent.
    assert min(seen.values()) > sum(seen.values()) / 20, seen
    print(f"{EXPRESSIONS * len(groups)} expressions, {sum(seen.values())} cases: {seen}")


def judged(values: Values, changed: bool, only: list[tuple[int, int]], without: list[tuple[int, int]],
           names: list[str]) -> str:
    """What the tests beside --when do, by their definition: verdict and reason."""
    if changed and not values.unreadable and values.old[: values.width] == values.new[: values.width]:
        return f"0{DROP_CHANGED}"
    if only and not any(start <= values.ip < end for start, end in only):
        return f"0{DROP_FROM}"
    if any(start <= values.ip < end for start, end in without):
        return f"0{DROP_FROM}"
    matches = [values.comm.startswith(name[:-1]) if name.endswith("*") else values.comm == name for name in names]
    return "1-" if not names or any(matches) else f"0{DROP_COMM}"


def anything_left(only: list[tuple[int, int]], without: list[tuple[int, int]]) -> bool:
    """Some address is in the one and not in the other; if one is, then one of the borders."""
    borders = [place for borders in (*only, *without) for place in borders]
    return any(any(start <= place < end for start, end in only) and not any(start <= place < end for start, end in without)
               for place in borders)


@pytest.mark.parametrize("count", [1, 3, 40, 1024])
def test_changed_ranges_and_names_by_their_definition(count: int) -> None:
    rng = random.Random(SEED + count)
    targets = [NUMBERS[0], STRUCT, NUMBERS[6]]
    commands, expected = [target.command for target in targets], []
    for _ in range(5):
        # Few enough places that ranges touch, overlap and end where an access is.
        places = [0, 1, 2**64 - 1, *(rng.choice([0xFFFFFFFF81000000, 0x400000, 2**40]) + rng.randrange(8 * count)
                                     for _ in range(4 * count))]

        def some_range() -> tuple[int, int]:
            start = rng.choice(places)
            end = rng.choice(places) if rng.random() < 0.05 else start + rng.randrange(6)
            return min(start, end), min(max(start, end), 2**64 - 1)

        only, without = ([some_range() for _ in range(rng.randrange(count + 1))] for _ in range(2))
        if not anything_left(only, without):
            only = []  # which is refused
        names = rng.choice([[], [], ["bash"], ["kw*", "a"], ["abcdefg*", "exactly15chars_"], ["abcdefghi*"], ["*"]])
        changed = rng.random() < 0.5
        pool = []
        for _ in range(200):
            index = rng.randrange(len(targets))
            values = make_values(targets[index], index, rng)
            values.ip = max(0, min(2**64 - 1, rng.choice(places) + rng.randrange(-1, 8)))
            pool.append(values)

        def listed(parts: list[tuple[int, int]]) -> str:
            return ",".join(f"{start:x}-{end:x}" for start, end in parts) or "-"

        commands += ["pool", *(values.command() for values in pool)]
        commands += [f"filter {int(changed)} {listed(only)} {listed(without)} {','.join(names) or '-'}", "when -"]
        expected.append([judged(values, changed, only, without, names) for values in pool])
    for answers, right in zip(ask_stakeout(commands), expected, strict=True):
        assert [answers[3 * i] + answers[3 * i + 2] for i in range(len(right))] == right


def test_each_target_has_its_own_types() -> None:
    """One expression, four targets of other widths and signs in one program."""
    targets = [NUMBERS[0], NUMBERS[1], NUMBERS[4], NUMBERS[7]]
    rng = random.Random(SEED)
    pool = []
    for index, target in enumerate(targets):
        for _ in range(10):
            values = make_values(target, index, rng)
            values.new, values.unreadable = b"\xff" * target.width + bytes(32 - target.width), False
            pool.append(values)
    answers = ask_stakeout([*(target.command for target in targets), "pool", *(values.command() for values in pool),
                            when("new < 0"), when("new == 255"), when("width == 4")])
    # u8 255, s8 -1, u32 4294967295, s64 -1
    assert answers[0][::3] == "0" * 10 + "1" * 10 + "0" * 10 + "1" * 10
    assert answers[1][::3] == "1" * 10 + "0" * 30
    assert answers[2][::3] == "0" * 20 + "1" * 10 + "0" * 10


def test_long_expressions_load() -> None:
    """The longest that the parser takes pass the verifier, or are refused before it."""
    target = NUMBERS[3]
    values = make_values(target, 0, random.Random(SEED))
    values.unreadable = False
    names = " || ".join(f'comm == "{comm}"' for comm in COMMS * 20)
    longest = ["old" + "/old" * 1023, "new" + "+new%3" * 680, "||".join(["old<new"] * 450), "old" + "<pid" * 1000,
               "old?new:" * 60 + "pid", "-(" * 30 + "old" + ")" * 30, names[:4000].rpartition(" || ")[0],
               "+".join(["(old<new)"] * 60)]
    answers = ask_stakeout([target.command, "pool", values.command(), *(when(text) for text in longest)])
    assert len(answers) == len(longest)
    assert all(answer[0] == answer[1] for answer in answers)

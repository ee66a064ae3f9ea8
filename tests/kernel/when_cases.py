"""Makes --when expressions, values to judge them by, and the C program that knows the answers.

The C compiler is the oracle: it types, parses and computes each expression as it stands. Only what C leaves undefined
is written through macros (a divisor of 0, shifts by too much), and what cannot be read sets a flag on the way.
"""

from __future__ import annotations

import random
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

BYTES = 32  # SO_REGION_BYTES
NOWHERE = 255  # the node to which a bad pointer points
NODES = 6

PRELUDE = r"""
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef unsigned long u64;
typedef int8_t s8; typedef int16_t s16; typedef int32_t s32; typedef long s64;
struct fields { u8 a; s8 b; u16 c; s16 d; u32 e:3; s32 f:5; u32 g:17; s32 h; u64 w:40; s64 x:24; };
struct node { struct node *next; u8 a; s8 b; u16 c; s16 d; u32 e; s32 f; u64 g; s64 h; bool i; u32 j:7; };
_Static_assert(sizeof(struct fields) == 24 && sizeof(struct node) == 48, "as when_oracle_types.h");
struct values { u32 target; u8 old[32], new[32]; s64 delta; u32 pid, tid, cpu; u64 ip; u32 width; u64 hits;
                u8 access, unreadable; char comm[16]; };
static int bad;
static const struct node nowhere;
static const struct node *read_at(const struct node *p) { if (!p) { bad = 1; return &nowhere; } return p; }
#define READABLE(x) (bad |= v->unreadable, (x))
#define ACCESS(is) (bad |= !v->access, v->access == (is))
#define DIVIDED(a, b, op, by_zero, by_minus_one) ({ __auto_type a_ = +(a); __auto_type b_ = +(b); \
    typeof(a_ / b_) l_ = a_, r_ = b_, none_ = 0, minus_ = -1; \
    r_ == 0 ? (by_zero) : minus_ < none_ && r_ == minus_ ? (by_minus_one) : l_ op r_; })
#define DIV(a, b) DIVIDED(a, b, /, none_, none_ - l_)
#define MOD(a, b) DIVIDED(a, b, %, l_, none_)
#define SHIFT(a, b, op) ({ __auto_type a_ = +(a); a_ op ((b) & (sizeof(a_) * 8 - 1)); })
"""

LITERALS = ["0", "1", "2", "3", "7", "8", "10", "31", "32", "63", "64", "100", "127", "128", "255", "256", "0x7f", "0xff",
            "0x80", "0xffff", "32767", "32768", "65535", "65536", "2147483647", "2147483648", "4294967295", "4294967296",
            "0x7fffffff", "0x80000000", "0xffffffff", "0x100000000", "0x7fffffffffffffff", "0x8000000000000000",
            "0xffffffffffffffff", "9223372036854775807", "18446744073709551615u", "1u", "1l", "1ul", "0ULL", "3LL", "017",
            "0777", "0b1011", "0B1u", "'a'", "'\\n'", "'\\xff'", "'\\0'", "'\\''", "0xffffffffu", "5U", "123456789012"]
TYPES = ["int", "unsigned", "unsigned int", "char", "signed char", "unsigned char", "short", "unsigned short int", "long",
         "unsigned long", "long long", "long unsigned int", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "uint8_t",
         "int16_t", "uint32_t", "int64_t", "bool", "_Bool"]
FACTS = ["delta", "pid", "tid", "cpu", "ip", "width", "hits"]
COMMS = ["bash", "systemd", "kworker/0:1", "a", "", "abcdefgh", "abcdefg", "abcdefghi", "exactly15chars_", "swapper/0"]
ACCESSES = {"read": 1, "write": 2, "execute": 3}
# C's precedence, loosest first.
BINARY = [["||"], ["&&"], ["|"], ["^"], ["&"], ["==", "!="], ["<", "<=", ">", ">="], ["<<", ">>"], ["+", "-"],
          ["*", "/", "%"]]
CONDITIONAL, UNARY, PRIMARY = 0, len(BINARY) + 1, len(BINARY) + 2


@dataclass(frozen=True)
class Target:
    kind: str  # number, struct, pointer
    width: int = 8
    signed: bool = False

    @property
    def c_type(self) -> str:
        if self.kind == "number":
            return f"{'s' if self.signed else 'u'}{self.width * 8}"
        return "struct fields" if self.kind == "struct" else "const struct node *"

    @property
    def command(self) -> str:
        return f"target {self.kind} {self.width} {int(self.signed)}"


NUMBERS = [Target("number", width, signed) for width in (1, 2, 4, 8) for signed in (False, True)]
STRUCT, POINTER = Target("struct", 24), Target("pointer")


@dataclass(frozen=True)
class Text:
    """An expression as stakeout reads it and as C does, and how tight it binds."""

    ours: str
    c: str
    level: int

    def within(self, level: int) -> "Text":
        return self if self.level >= level else Text(f"({self.ours})", f"({self.c})", PRIMARY)


class Maker:
    def __init__(self, target: Target, rng: random.Random) -> None:
        self.target, self.rng = target, rng

    def value(self) -> Text:
        which = self.rng.choice(["old", "new"])
        c = which if which == "old" else "READABLE(new)"
        if self.target.kind == "number":
            return Text(which, c, PRIMARY)
        if self.target.kind == "struct":
            name = self.rng.choice("abcdefghwx")
            # With gcc a field wider than int computes in as many bits as it has, here in 64.
            return Text(f"{which}.{name}", f"((u64){c}.{name})" if name == "w" else f"{c}.{name}", PRIMARY)
        ours = which
        for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
            ours, c = f"{ours}->next", f"read_at({c})->next"
        name = self.rng.choice("abcdefghij")
        return Text(f"{ours}->{name}", f"read_at({c})->{name}", PRIMARY)

    def text_comparison(self) -> Text:
        op = self.rng.choice(["==", "!="])
        if self.rng.random() < 0.6:
            name = self.rng.choice(COMMS)
            sides = ["comm", f'"{name}"']
            c = f'(strcmp(v->comm, "{name}") {op} 0)'
        else:
            kind = self.rng.choice(list(ACCESSES))
            sides = ["access", f'"{kind}"']
            c = f"({'!' if op == '!=' else ''}ACCESS({ACCESSES[kind]}))"
        self.rng.shuffle(sides)
        return Text(f" {op} ".join(sides), c, 6)

    def leaf(self) -> Text:
        dice = self.rng.random()
        if dice < 0.45:
            return self.value()
        if dice < 0.60:
            fact = self.rng.choice(FACTS)
            if fact == "delta" and self.target.kind == "struct":
                fact = "pid"
            return Text(fact, "READABLE(v->delta)" if fact == "delta" else f"v->{fact}", PRIMARY)
        if dice < 0.65:
            return self.text_comparison()
        some = str(self.rng.getrandbits(self.rng.choice([4, 8, 16, 31, 62])))
        literal = self.rng.choice(LITERALS) if self.rng.random() < 0.8 else some
        return Text(literal, literal, PRIMARY)

    def make(self, depth: int) -> Text:
        dice = self.rng.random()
        if depth == 0 or dice < 0.08:
            return self.leaf()
        if dice < 0.20:
            sign = self.rng.choice(["!", "~", "-", "+"])
            inner = self.make(depth - 1).within(UNARY)
            return Text(f"{sign} {inner.ours}", f"{sign} {inner.c}", UNARY)
        if dice < 0.32:
            cast = self.rng.choice(TYPES)
            inner = self.make(depth - 1).within(UNARY)
            return Text(f"({cast}){inner.ours}", f"({cast}){inner.c}", UNARY)
        if dice < 0.40:
            a, b, c = (self.make(depth - 1) for _ in range(3))
            a, c = a.within(1), c.within(CONDITIONAL)
            return Text(f"{a.ours} ? {b.ours} : {c.ours}", f"{a.c} ? {b.c} : {c.c}", CONDITIONAL)
        if dice < 0.5:
            chain = self.make(1)
            for _ in range(self.rng.randrange(2, 6)):
                chain = self.binary(chain, self.make(1), self.rng.choice([8, 9, 10, 6, 3]))
            return chain
        return self.binary(self.make(depth - 1), self.make(depth - 1), self.rng.randrange(1, len(BINARY) + 1))

    def binary(self, left: Text, right: Text, level: int) -> Text:
        op = self.rng.choice(BINARY[level - 1])
        left, right = left.within(level), right.within(level + 1)
        ours = f"{left.ours} {op} {right.ours}"
        if op in ("<<", ">>"):
            if self.rng.random() < 0.5:
                return Text(f"{left.ours} {op} 5", f"{left.c} {op} 5", level)
            return Text(ours, f"SHIFT({left.c}, {right.c}, {op})", level)
        if op in ("/", "%"):
            if self.rng.random() < 0.5:
                return Text(f"{left.ours} {op} 7", f"{left.c} {op} 7", level)
            return Text(ours, f"{'DIV' if op == '/' else 'MOD'}({left.c}, {right.c})", level)
        return Text(ours, f"{left.c} {op} {right.c}", level)


@dataclass
class Values:
    target: int
    old: bytes
    new: bytes
    delta: int
    pid: int
    tid: int
    cpu: int
    ip: int
    width: int
    hits: int
    access: int
    unreadable: bool
    comm: str

    def command(self) -> str:
        return (f"value {self.target} {self.old.hex()} {self.new.hex()} {self.delta} {self.pid} {self.tid} {self.cpu} "
                f"{self.ip} {self.width} {self.hits} {self.access} {int(self.unreadable)} x{self.comm.encode().hex()}")

    def c_text(self) -> str:
        def listed(data: bytes) -> str:
            return "{" + ",".join(str(byte) for byte in data) + "}"

        delta = self.delta & (2**64 - 1)  # LONG_MIN has no literal
        return (f"{{{self.target},{listed(self.old)},{listed(self.new)},(s64){delta}ul,{self.pid}u,{self.tid}u,{self.cpu}u,"
                f"{self.ip}ul,{self.width}u,{self.hits}ul,{self.access},{int(self.unreadable)},\"{self.comm}\"}}")


def _number(rng: random.Random, bits: int) -> int:
    edges = [0, 1, 2, 7, 2**bits - 1, 2**bits - 2, 2 ** (bits - 1), 2 ** (bits - 1) - 1, 2 ** (bits - 1) + 1]
    return rng.choice(edges) if rng.random() < 0.6 else rng.getrandbits(rng.choice([3, bits // 2, bits]))


def make_values(target: Target, index: int, rng: random.Random) -> Values:
    def content() -> bytes:
        if target.kind == "pointer":
            return bytes([rng.choice([*range(NODES), NOWHERE])]).ljust(BYTES, b"\0")
        if target.kind == "struct":
            return b"".join(_number(rng, 32).to_bytes(4, "little") for _ in range(6)).ljust(BYTES, b"\0")
        return _number(rng, target.width * 8).to_bytes(target.width, "little").ljust(BYTES, b"\0")

    old = content()
    new = old if rng.random() < 0.3 else content()
    delta = struct.unpack("<q", _number(rng, 64).to_bytes(8, "little"))[0]
    return Values(index, old, new, delta, _number(rng, 32), _number(rng, 32), rng.randrange(4), _number(rng, 64), target.width,
                  _number(rng, 64), rng.randrange(4), rng.random() < 0.15, rng.choice(COMMS))


def make_nodes(rng: random.Random) -> list[bytes]:
    """Their first byte is the number of the next one."""
    return [bytes([rng.choice([*range(NODES), NOWHERE])]).ljust(8, b"\0")
            + b"".join(_number(rng, 32).to_bytes(4, "little") for _ in range(8)) + bytes([rng.randrange(2)]) + rng.randbytes(7)
            for _ in range(NODES)]


@dataclass
class Group:
    """Expressions over one kind of target, and the values by which each of them is judged."""

    target: Target
    expressions: list[Text]
    pool: list[Values]
    answers: list[str] = field(default_factory=list)  # for each expression a letter for each of the pool


def _c_nodes(nodes: list[bytes]) -> str:
    rows = ",".join("{" + ",".join(str(byte) for byte in node) + "}" for node in nodes)
    return f"""
static const u8 node_bytes[{len(nodes)}][48] = {{{rows}}};
static struct node nodes[{len(nodes)}];
static const struct node *node_of(u8 number) {{ return number == {NOWHERE} ? 0 : &nodes[number]; }}
static void make_nodes(void) {{
    memcpy(nodes, node_bytes, sizeof(nodes));
    for (int i = 0; i < {len(nodes)}; ++i) nodes[i].next = (struct node *)node_of(node_bytes[i][0]);
}}
"""


def _c_program(group: Group, nodes: list[bytes]) -> str:
    fetch = f"{group.target.c_type} old, new; memcpy(&old, v->old, sizeof(old)); memcpy(&new, v->new, sizeof(new));"
    if group.target.kind == "pointer":
        fetch = "const struct node *old = node_of(v->old[0]), *new = node_of(v->new[0]);"
    functions = "\n".join(f"static int f{i}(const struct values *v) {{ {fetch} return ({expression.c}) != 0; }}"
                          for i, expression in enumerate(group.expressions))
    return f"""{PRELUDE}{_c_nodes(nodes)}{functions}
static const struct values pool[] = {{{",".join(values.c_text() for values in group.pool)}}};
static int (*const all[])(const struct values *) = {{{",".join(f"f{i}" for i in range(len(group.expressions)))}}};
int main(void) {{
    make_nodes();
    for (unsigned f = 0; f < {len(group.expressions)}; ++f) {{
        for (unsigned i = 0; i < {len(group.pool)}; ++i) {{
            bad = 0;
            int is = all[f](&pool[i]);
            putchar(bad ? '2' : '0' + is);
        }}
        putchar('\\n');
    }}
}}
"""


def ask_compiler(groups: list[Group], nodes: list[bytes], folder: Path) -> None:
    """Fills in the answers: 0 false, 1 true, 2 cannot be judged."""
    running = []
    for number, group in enumerate(groups):
        source = folder / f"oracle{number}.c"
        source.write_text(_c_program(group, nodes), encoding="utf-8")
        if len(running) > 1:
            _finish(running.pop(0))
        running.append(subprocess.Popen(["gcc", "-std=gnu17", "-O0", "-fwrapv", "-w", "-o", source.with_suffix(""), source],
                                        stderr=subprocess.PIPE, text=True))
    for compiler in running:
        _finish(compiler)
    for number, group in enumerate(groups):
        told = subprocess.run([folder / f"oracle{number}"], check=True, capture_output=True, text=True)
        group.answers = told.stdout.split()


def _finish(compiler: "subprocess.Popen[str]") -> None:
    _, said = compiler.communicate()
    assert compiler.returncode == 0, said[-4000:]

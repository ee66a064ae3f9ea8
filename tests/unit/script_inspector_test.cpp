// Scripts with one defect each: which rule must name it, at which line.
#include "loader/compiler/compiler.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

struct Case {
    const char* name;
    const char* text; // behind #include <stakeout.h>, which is line 1
    Finding::Severity severity;
    const char* rule; // nullptr: nothing may be found
    int line;
};

constexpr auto error = Finding::Severity::Error;
constexpr auto hint = Finding::Severity::Hint;

const Case cases[] = {
    {"while_1", "u64 n;\non_hit(h) {\n    while (1)\n        n++;\n    return keep;\n}\n", error,
     "endless-loop", 4},
    {"counter_stands",
     "u64 n;\non_hit(h) {\n    for (int i = 0; i < 10;)\n        n += i;\n    return keep;\n}\n", error,
     "endless-loop", 4},
    {"goto_back", "on_hit(h) {\nagain:\n    bpf_printk(\"x\");\n    goto again;\n}\n", error, "endless-loop",
     4},
    {"bound_unknown",
     "u64 n;\non_hit(h) {\n    for (u64 i = 0; i < h->new; i++)\n        n += bpf_get_prandom_u32();\n"
     "    return keep;\n}\n",
     hint, "loop-without-bound", 4},
    {"bound_far",
     "u64 n;\non_hit(h) {\n    for (u64 i = 0; i < 10000000; i++)\n        n += bpf_get_prandom_u32();\n"
     "    return keep;\n}\n",
     hint, "long-loop", 4},
    {"bound_near",
     "u64 n;\non_hit(h) {\n    for (int i = 0; i < 100; i++)\n        n += bpf_get_prandom_u32();\n"
     "    return keep;\n}\n",
     hint, nullptr, 0},
    {"divides_by_0", "u64 r;\non_hit(h) {\n    r = h->new / 0;\n    return keep;\n}\n", error,
     "division-by-zero", 4},
    {"modulo_0", "u64 r;\non_hit(h) {\n    r = h->new % 0;\n    return keep;\n}\n", error, "division-by-zero",
     4},
    {"divides_by_variable", "u64 r;\non_hit(h) {\n    r = h->new / h->old;\n    return keep;\n}\n", hint,
     "divisor-may-be-zero", 4},
    {"divides_signed", "s64 r;\non_hit(h) {\n    r = h->delta / (s64)h->width;\n    return keep;\n}\n", error,
     "signed-division", 4},
    {"floats", "double d;\non_hit(h) {\n    d = d * 1.5;\n    return keep;\n}\n", error, "floating-point", 4},
    {"sleeps",
     "static int get(char *to) {\n    return bpf_copy_from_user(to, 8, (void *)8);\n}\n"
     "on_hit(h) {\n    char b[8];\n    return get(b) ? keep : drop;\n}\n",
     error, "not-in-a-hit", 3},
    {"locks",
     "struct locked { struct bpf_spin_lock lock; u64 n; };\nper_key(u32, struct locked, of, 64);\non_hit(h) "
     "{\n"
     "    struct locked *l = of(h->pid);\n    if (!l) return drop;\n    bpf_spin_lock(&l->lock);\n"
     "    bpf_spin_unlock(&l->lock);\n    return keep;\n}\n",
     error, "not-in-a-hit", 7},
    {"of_the_network", "on_hit(h) {\n    return bpf_skb_load_bytes(h, 0, 0, 0) ? keep : drop;\n}\n", error,
     "not-in-a-hit", 3},
    {"path_of_a_file", "on_hit(h) {\n    char b[16];\n    return bpf_d_path(0, b, 16) ? keep : drop;\n}\n",
     error, "not-in-a-hit", 4},
    {"number_unknown",
     "static long (*magic)(void) = (void *)4711;\non_hit(h) {\n    return magic() ? keep : drop;\n}\n", error,
     "unknown-helper", 4},
    {"nowhere_defined",
     "extern int elsewhere(void);\non_hit(h) {\n    return elsewhere() ? keep : drop;\n}\n", error,
     "undefined", 4},
    {"large_variable",
     "on_hit(h) {\n    char text[600];\n    bpf_probe_read_kernel(text, sizeof(text), (void *)h->address);\n"
     "    return text[h->new & 255] ? keep : drop;\n}\n",
     error, "stack-too-large", 3},
    {"large_together",
     "on_hit(h) {\n    char a[300], b[300];\n    bpf_probe_read_kernel(a, 300, (void *)h->address);\n"
     "    bpf_probe_read_kernel(b, 300, (void *)h->address);\n"
     "    return a[h->new & 255] + b[h->old & 255] ? keep : drop;\n}\n",
     error, "stack-too-large", 3},
    {"large_map",
     "struct big { char b[65536]; };\nper_key(u32, struct big, bigs, 65536);\non_hit(h) {\n    return "
     "keep;\n}\n",
     error, "map-too-large", 3},
    {"large_per_cpu",
     "struct big { char b[65536]; };\nper_cpu(struct big, bigs);\non_hit(h) {\n"
     "    return bigs() ? keep : drop;\n}\n",
     error, "value-too-large", 3},
    {"odd_ring",
     "struct {\n    __uint(type, BPF_MAP_TYPE_RINGBUF);\n    __uint(max_entries, 5000);\n} out "
     "SEC(\".maps\");\n"
     "on_hit(h) {\n    bpf_ringbuf_output(&out, &h->new, 8, 0);\n    return keep;\n}\n",
     error, "ring-size", 5},
    {"large_fields",
     "struct fields {\n    char text[300];\n};\non_hit(h) {\n    fields(h)->text[0] = 1;\n    return "
     "keep;\n}\n",
     error, "fields-too-large", 2},
    {"large_snapshot", "on_hit(h) {\n    snapshot(h, h->address, 8192);\n    return keep;\n}\n", error,
     "snapshot-too-large", 3},
    {"late_follow_up",
     "on_hit(h) {\n    defer(h, 20 * 1000 * 1000);\n    return keep;\n}\non_followup(f) { return keep; }\n",
     error, "delay-too-long", 3},
    {"lookup_untested",
     "per_key(u32, u64, of, 64);\non_hit(h) {\n    u64 *w = of(h->pid);\n    *w += 1;\n    return keep;\n}\n",
     hint, "null-unchecked", 5},
    {"lookup_tested",
     "per_key(u32, u64, of, 64);\non_hit(h) {\n    u64 *w = of(h->pid);\n    if (w) *w += 1;\n"
     "    return keep;\n}\n",
     hint, nullptr, 0},
    {"pointer_unknown",
     "struct node { struct node *next; u64 v; };\non_hit(h) {\n"
     "    struct node *n = (struct node *)h->new;\n    return n->next->v ? keep : drop;\n}\n",
     hint, "unchecked-pointer", 5},
    {"pointers_of_the_kernel",
     "on_hit(h) {\n    return current_task()->real_parent->tgid == 1 ? keep : drop;\n}\n", hint, nullptr, 0},
    {"index_unbound", "u64 table[16];\non_hit(h) {\n    table[h->new]++;\n    return keep;\n}\n", hint,
     "index-without-bound", 4},
    {"index_bound",
     "u64 table[16];\non_hit(h) {\n    table[h->new & 15]++;\n    if (h->old < 16) table[h->old]++;\n"
     "    return keep;\n}\n",
     hint, nullptr, 0},
    {"fills_much",
     "char big[5000];\non_hit(h) {\n    __builtin_memset(big, 1, sizeof(big));\n    return keep;\n}\n", error,
     "library-call", 4},
    {"reads_files",
     "on_hit(h) {\n    asm volatile(\".incbin \\\"/etc/hostname\\\"\");\n    return keep;\n}\n", error,
     "assembler-directive", 3},
    {"nothing", "int x;\n", error, "nothing-to-run", 0},
};

class Inspector : public testing::TestWithParam<Case> {};

TEST_P(Inspector, NamesTheLineAndTheRule) {
    const Case& one = GetParam();
    const auto script = compile_script({"guard.c", std::string("#include <stakeout.h>\n") + one.text}, {});
    ASSERT_TRUE(script) << script.error().sentence();
    if (one.rule == nullptr) {
        EXPECT_TRUE(script->findings.empty()) << script->findings.front().rule;
        return;
    }
    bool found = false;
    std::string all;
    for (const Finding& finding : script->findings) {
        found |= finding.rule == one.rule && finding.line == one.line && finding.severity == one.severity;
        all += finding.rule + " at " + std::to_string(finding.line) + "\n";
    }
    EXPECT_TRUE(found) << all;
    EXPECT_EQ(script->refused(), one.severity == error);
    EXPECT_EQ(script->object.empty(), script->refused());
}

INSTANTIATE_TEST_SUITE_P(Defects, Inspector, testing::ValuesIn(cases),
                         [](const auto& one) { return std::string(one.param.name); });

} // namespace
} // namespace stakeout

#include "loader/compiler/btf_image.h"
#include "loader/compiler/compiler.h"
#include "loader/compiler/kernel_headers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace stakeout {
namespace {

const std::string btf_file = "/sys/kernel/btf/vmlinux";
const std::string head = "#include \"vmlinux.h\"\n#include <bpf/bpf_helpers.h>\n"
                         "SEC(\"perf_event\") int f(void *ctx) { return 0; }\n";

std::string header_of(const std::string& text, bool portable = false) {
    auto header = vmlinux_header({"guard.c", text}, {.portable = portable});
    return header ? *header : header.error().sentence();
}

std::string failure_of(const std::string& text) {
    const auto script = compile_script({"guard.c", text}, {});
    return script ? std::string() : script.error().cause;
}

// Each member that is no bit-field must lie where BTF has it.
void assert_members(const BtfImage& btf, std::uint32_t id, std::uint64_t base_bits, const std::string& tag,
                    std::set<std::string>& seen, std::string& text) {
    for (const btf_member& member : btf.members(id)) {
        const bool fields = btf.kind_flag(id);
        const std::uint64_t at = base_bits + (fields ? BTF_MEMBER_BIT_OFFSET(member.offset) : member.offset);
        const std::string name(btf.text(member.name_off));
        const std::uint32_t inner = btf.bare(member.type);
        if (name.empty() && (btf.kind(inner) == BTF_KIND_STRUCT || btf.kind(inner) == BTF_KIND_UNION))
            assert_members(btf, inner, at, tag, seen, text);
        else if (!name.empty() && !(fields && BTF_MEMBER_BITFIELD_SIZE(member.offset) != 0) &&
                 seen.insert(name).second)
            text += fmt::format("_Static_assert(__builtin_offsetof({}, {}) == {}, \"{} {}\");\n", tag, name,
                                at / 8, tag, name);
    }
}

TEST(KernelHeaders, LayoutsAreTheKernels) {
    auto btf = BtfImage::open(btf_file);
    if (!btf) GTEST_SKIP() << "no BTF";
    std::string text = head;
    std::set<std::string> tags;
    std::set<std::string_view> names;
    unsigned structs = 0;
    for (std::uint32_t id = 1; id < btf->end(); ++id) {
        const bool is_union = btf->kind(id) == BTF_KIND_UNION;
        if ((!is_union && btf->kind(id) != BTF_KIND_STRUCT) || btf->name(id).empty()) continue;
        if (!names.insert(btf->name(id)).second) continue; // several have one name: the first is it
        // A sample of all, and what scripts ask for most.
        const std::string_view name = btf->name(id);
        const bool well_known = name == "task_struct" || name == "mm_struct" || name == "sk_buff" ||
                                name == "page" || name == "inode" || name == "super_block" || name == "rq" ||
                                name == "pt_regs";
        if (++structs % 40 != 0 && !well_known) continue;
        const std::string tag = fmt::format("{} {}", is_union ? "union" : "struct", name);
        tags.insert(tag);
        text += fmt::format("_Static_assert(sizeof({}) == {}, \"{}\");\n", tag, btf->size(id), tag);
        std::set<std::string> seen;
        assert_members(*btf, id, 0, tag, seen, text);
    }
    EXPECT_GT(tags.size(), 100U);
    EXPECT_EQ(failure_of(text), "");
}

TEST(KernelHeaders, OnlyWhatTheScriptNamesAndReaches) {
    const std::string small = header_of(head);
    EXPECT_EQ(small.find("task_struct"), std::string::npos);
    EXPECT_NE(small.find("typedef __u64 u64;"), std::string::npos);
    EXPECT_LT(small.size(), 4096U);
    EXPECT_EQ(header_of("#include <linux/bpf.h>\n"), "");
    // real_parent leads to task_struct, mm to mm_struct, which is named nowhere; pgd_t is reached through it.
    const std::string reached =
        head + "static u64 g(struct task_struct *t) { return t->real_parent->mm->pgd->pgd; }\n"
               "SEC(\"perf_event\") int x(void *c) { return g(bpf_get_current_task_btf()); }\n";
    EXPECT_EQ(failure_of(reached), "");
    EXPECT_EQ(header_of(reached).find("struct file {"), std::string::npos);
}

TEST(KernelHeaders, BitFieldsAreReadFromTheirBits) {
    EXPECT_EQ(
        failure_of(head +
                   "int g(struct task_struct *t) { return t->in_execve + t->sched_contributes_to_load; }\n"),
        "");
}

TEST(KernelHeaders, EnumeratorsStayAway) {
    // Named alone; with its enum; in the script's own hands; and a lower-case one of the kernel's.
    EXPECT_EQ(failure_of(head + "int g(void) { return PIDTYPE_TGID; }\n"), "");
    EXPECT_EQ(failure_of(head + "enum pid_type g(void) { return PIDTYPE_TGID; }\n"), "");
    EXPECT_EQ(
        failure_of(head +
                   "enum mine { PIDTYPE_TGID = 77 };\nint g(struct task_struct *t) { return t->pid; }\n"),
        "");
    EXPECT_EQ(
        failure_of(
            head +
            "int false_positive, legacy, stop, drop;\nint g(struct task_struct *t) { return t->pid; }\n"),
        "");
}

TEST(KernelHeaders, TheScriptsOwnTypesWin) {
    EXPECT_EQ(
        failure_of(
            head +
            "struct key { u32 pid; };\ntypedef u32 pgd_t;\n"
            "int g(struct task_struct *t, struct key *k) { pgd_t p = k->pid; return t->mm != 0 && p; }\n"),
        "");
}

TEST(KernelHeaders, PortableAccessesAreRelocated) {
    EXPECT_NE(header_of(head, true).find("preserve_access_index"), std::string::npos);
    EXPECT_EQ(header_of(head, true).find("#define __builtin_preserve"), std::string::npos);
    EXPECT_NE(header_of(head).find("#define __builtin_preserve_access_index(x) (x)"), std::string::npos);
    EXPECT_EQ(
        header_of(head + "struct task_struct___old { int state; };\n").find("#define __builtin_preserve"),
        std::string::npos);
}

TEST(KernelHeaders, WithoutBtfOnlyKernelTypesAreMissed) {
    const auto plain = vmlinux_header({"guard.c", head}, {}, "/nonexistent");
    ASSERT_TRUE(plain) << plain.error().sentence();
    EXPECT_NE(plain->find("#include <linux/bpf.h>"), std::string::npos);
    const auto kernel = vmlinux_header({"guard.c", head + "struct task_struct *t;\n"}, {}, "/nonexistent");
    ASSERT_FALSE(kernel);
    EXPECT_NE(kernel.error().sentence().find("`task_struct`"), std::string::npos)
        << kernel.error().sentence();
}

} // namespace
} // namespace stakeout

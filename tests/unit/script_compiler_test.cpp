#include "loader/compiler/compiler.h"

#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

namespace stakeout {
namespace {

const std::string plain_head = "#include \"vmlinux.h\"\n#include <bpf/bpf_helpers.h>\n"
                               "#include <bpf/bpf_core_read.h>\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n";

Result<CompiledScript> compile(const std::string& text, const std::string& path = "guard.c") {
    return compile_script({path, text}, {});
}

// Program name -> section, as libbpf reads the object.
std::map<std::string, std::string> programs(const CompiledScript& script) {
    libbpf_set_print(nullptr);
    const std::unique_ptr<bpf_object, void (*)(bpf_object*)> object(
        bpf_object__open_mem(script.object.data(), script.object.size(), nullptr), bpf_object__close);
    std::map<std::string, std::string> found;
    for (bpf_program* one = object ? bpf_object__next_program(object.get(), nullptr) : nullptr;
         one != nullptr; one = bpf_object__next_program(object.get(), one))
        found.emplace(bpf_program__name(one), bpf_program__section_name(one));
    return found;
}

TEST(ScriptCompiler, OnHitBecomesAProgram) {
    const auto script = compile("#include <stakeout.h>\non_hit(h) { return h->new > 3 ? keep : drop; }\n");
    ASSERT_TRUE(script) << script.error().sentence();
    EXPECT_EQ(script->warnings, "");
    EXPECT_FALSE(script->read_local_files);
    const auto found = programs(*script);
    ASSERT_TRUE(found.contains("stakeout_hit"));
    EXPECT_EQ(found.at("stakeout_hit"), "perf_event");
    EXPECT_FALSE(found.contains("stakeout_foreign"));
}

TEST(ScriptCompiler, ForeignProgramsAreGatheredInOneAndOthersLeft) {
    const auto script =
        compile(plain_head + "SEC(\"perf_event\") int one(struct bpf_perf_event_data *ctx) { return 1; }\n"
                             "SEC(\"perf_event\") int two(void *ctx) { bpf_printk(\"x\"); return 1; }\n"
                             "SEC(\"kprobe/do_exit\") int probe(void *ctx) { return 0; }\n");
    ASSERT_TRUE(script) << script.error().sentence();
    const std::map<std::string, std::string> expected{{"probe", "kprobe/do_exit"},
                                                      {"stakeout_foreign", "perf_event"}};
    EXPECT_EQ(programs(*script), expected);
}

TEST(ScriptCompiler, ErrorsShowTheLineAndACaret) {
    const auto script = compile("#include <stakeout.h>\non_hit(h) {\n    return h->neww ? keep : drop;\n}\n");
    ASSERT_FALSE(script);
    EXPECT_NE(script.error().cause.find(
                  "guard.c:3:15: error: no member named 'neww' in 'struct hit'; did you mean 'new'?\n"
                  "    3 |     return h->neww ? keep : drop;\n"
                  "      |               ^~~~"),
              std::string::npos)
        << script.error().cause;
    EXPECT_EQ(script.error().exit_status(), 3);
}

TEST(ScriptCompiler, AMisspeltHelperHasANearestOne) {
    const auto script =
        compile("#include <stakeout.h>\non_hit(h) { return bpf_get_current_pid() ? keep : drop; }\n");
    ASSERT_FALSE(script);
    EXPECT_NE(script.error().cause.find("the nearest is bpf_get_current_pid_tgid()"), std::string::npos)
        << script.error().cause;
}

class ScriptFolder : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() / ("script." + std::to_string(::getpid()));
        std::filesystem::create_directories(folder_ / "inner");
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    void put(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ / name) << text;
    }

    std::filesystem::path folder_;
};

TEST_F(ScriptFolder, FilesBesideTheScriptAreReadAndTold) {
    put("inner/mine.h", "#define LIMIT 3\nstatic int pid_of(struct task_struct *t) { return t->tgid; }\n");
    const std::string text = "#include <stakeout.h>\n#include \"inner/mine.h\"\n"
                             "on_hit(h) { return pid_of(current_task()) > LIMIT ? keep : drop; }\n";
    const auto script = compile(text, folder_ / "guard.c");
    ASSERT_TRUE(script) << script.error().sentence();
    EXPECT_TRUE(script->read_local_files);
}

TEST_F(ScriptFolder, NothingElseOfTheHostIsRead) {
    put("outside.h", "#define LIMIT 3\n");
    std::filesystem::create_symlink("../outside.h", folder_ / "inner/link.h");
    for (const std::string include : {"../outside.h", "link.h", "/etc/hostname", "/usr/include/stdio.h"}) {
        const auto script = compile("#include \"" + include + "\"\n", folder_ / "inner/guard.c");
        ASSERT_FALSE(script) << include;
        EXPECT_NE(script.error().cause.find("file not found"), std::string::npos) << script.error().cause;
    }
}

TEST_F(ScriptFolder, TheGeneratedTypesWinOverAFileOfTheirName) {
    put("vmlinux.h", "#error not this one\n");
    const auto script = compile(
        plain_head + "SEC(\"perf_event\") int f(void *ctx) { u32 x = 0; return x; }\n", folder_ / "guard.c");
    ASSERT_TRUE(script) << script.error().sentence();
    EXPECT_FALSE(script->read_local_files);
}

TEST(ScriptCompiler, HeadersOfTheUserInterfaceDoWithoutKernelTypes) {
    const auto script =
        compile("#include <stdint.h>\n#include <stdbool.h>\n#include <stddef.h>\n#include <linux/bpf.h>\n"
                "#include <linux/ptrace.h>\n#include <linux/bpf_perf_event.h>\n"
                "#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n#include <bpf/bpf_endian.h>\n"
                "SEC(\"perf_event\") int f(struct bpf_perf_event_data *ctx)\n"
                "{ bool b = PT_REGS_IP(&ctx->regs) > (uint64_t)bpf_htons(3); return b; }\n");
    ASSERT_TRUE(script) << script.error().sentence();
}

TEST(ScriptCompiler, WhatIsNoScriptIsAnErrorAndNotTheEnd) {
    const std::string head = "#include <stakeout.h>\n";
    const std::string tail = "\non_hit(h) { return keep; }\n";
    EXPECT_FALSE(compile(std::string("\x7f\0\xff{{{", 6)));
    EXPECT_FALSE(compile(head + "int x = " + std::string(5000, '(') + "1;" + tail));
    EXPECT_FALSE(compile("#include \"guard.c\"\n"));
    const auto empty = compile("");
    ASSERT_TRUE(empty);
    EXPECT_TRUE(empty->refused());
    EXPECT_TRUE(empty->object.empty());
}

TEST(ScriptCompiler, TwiceInOneProcess) {
    const std::string text = "#include <stakeout.h>\non_hit(h) { return keep; }\n";
    const auto first = compile(text);
    ASSERT_FALSE(compile("#error\n"));
    const auto second = compile(text);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->object, second->object);
}

} // namespace
} // namespace stakeout

#include "watchpoints/target/kernel_symbols.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <unistd.h>

namespace stakeout {
namespace {

constexpr const char* table = "ffffffff81000000 T _text\n"
                              "ffffffff81000000 T _stext\n"
                              "ffffffff81000100 t helper\n"
                              "ffffffff81000200 T __x64_sys_open\n"
                              "ffffffff81000200 T sys_open_alias\n"
                              "ffffffff81000300 t helper\n"
                              "ffffffff82000000 D jiffies_64\n"
                              "ffffffff82000040 b counter\n"
                              "ffffffffc0001000 t init_one\t[net_card]\n"
                              "ffffffffc0001080 d counter\t[net_card]\n"
                              "ffffffffc0100000 t other\t[fs_thing]\n";

TEST(KernelSymbols, FindsByName) {
    const auto symbols = KernelSymbols::parse(table);
    EXPECT_EQ(symbols->size(), 11U);
    EXPECT_EQ(symbols->data_symbols(), 3U);
    EXPECT_EQ(symbols->find("helper").size(), 2U);
    ASSERT_EQ(symbols->find("jiffies_64").size(), 1U);
    EXPECT_EQ(symbols->find("jiffies_64")[0].address, 0xffffffff82000000ULL);
    EXPECT_FALSE(symbols->find("jiffies_64")[0].is_text());
    EXPECT_EQ(symbols->find("counter").size(), 2U);
    ASSERT_EQ(symbols->find("net_card:counter").size(), 1U);
    EXPECT_EQ(symbols->find("net_card:counter")[0].module, "net_card");
    ASSERT_EQ(symbols->find("vmlinux:counter").size(), 1U);
    EXPECT_EQ(symbols->find("vmlinux:counter")[0].address, 0xffffffff82000040ULL);
    EXPECT_TRUE(symbols->find("no_such").empty());
    EXPECT_TRUE(symbols->find("").empty());
}

TEST(KernelSymbols, FindsByAddress) {
    const auto symbols = KernelSymbols::parse(table);
    EXPECT_EQ(symbols->containing(0xffffffff81000005)->name, "_text");
    EXPECT_EQ(symbols->containing(0xffffffff810001ff)->name, "helper");
    EXPECT_EQ(symbols->containing(0xffffffff81000210)->name, "sys_open_alias");
    EXPECT_EQ(symbols->containing(0xffffffffc0001010)->module, "net_card");
    EXPECT_FALSE(symbols->containing(0xffffffff80ffffff));
    EXPECT_TRUE(symbols->containing(0xffffffff82000040 + 1024ULL * 1024));
    EXPECT_FALSE(symbols->containing(0xffffffff82000041 + 1024ULL * 1024))
        << "beyond the kernel's last symbol";
    EXPECT_FALSE(symbols->containing(0xffffffffc0500000)) << "beyond the last module";
    EXPECT_FALSE(symbols->containing(0));
    EXPECT_EQ(symbols->next_start(0xffffffff81000200), 0xffffffff81000300ULL);
    EXPECT_EQ(symbols->next_start(0), 0xffffffff81000000ULL);
    EXPECT_FALSE(symbols->next_start(~0ULL));
}

TEST(KernelSymbols, TellsNearNames) {
    const auto symbols = KernelSymbols::parse(table);
    const auto near = symbols->nearest("jifies_64");
    ASSERT_FALSE(near.empty());
    EXPECT_EQ(near[0], "jiffies_64");
    EXPECT_TRUE(symbols->nearest("completely_different_thing").empty());
    EXPECT_LE(symbols->nearest("helper", 1).size(), 1U);
}

TEST(KernelSymbols, PassesOverGarbage) {
    const auto symbols =
        KernelSymbols::parse("hello\n\n12 \nffffffff81000000 T\nffffffff81000000 T \n"
                             "zz T name\nffffffff81000010 t good\nffffffff81000020 t cut\t[mo");
    EXPECT_EQ(symbols->size(), 2U);
    EXPECT_EQ(symbols->containing(0xffffffff81000011)->name, "good");
    EXPECT_EQ(KernelSymbols::parse("")->size(), 0U);
    EXPECT_TRUE(KernelSymbols::parse("")->find("x").empty());
    EXPECT_EQ(KernelSymbols::parse(std::string(3, '\0'))->size(), 0U);
}

class SymbolFile : public testing::Test {
  protected:
    static std::string write(const std::string& text) {
        std::string path = testing::TempDir() + "stakeout-system-map-" + std::to_string(::getpid());
        std::ofstream(path) << text;
        return path;
    }
    void TearDown() override { std::remove(write("").c_str()); }
};

TEST_F(SymbolFile, AddsDataMovedByKaslr) {
    const auto symbols = KernelSymbols::parse("ffffffff9a000000 T _text\nffffffff9a000100 T start_kernel\n"
                                              "ffffffff9a000200 t helper\n");
    const Status added =
        symbols->add_file(write("0000000000012340 D cpu_thing\nffffffff81000000 T _text\n"
                                "ffffffff81000100 T start_kernel\nffffffff81000200 t helper\n"
                                "ffffffff82000000 D jiffies_64\nffffffff82000100 t not_data\n"));
    ASSERT_TRUE(added) << added.error().sentence();
    ASSERT_EQ(symbols->find("jiffies_64").size(), 1U);
    EXPECT_EQ(symbols->find("jiffies_64")[0].address, 0xffffffff9b000000ULL);
    EXPECT_EQ(symbols->find("cpu_thing")[0].address, 0x12340U);
    EXPECT_TRUE(symbols->find("not_data").empty());
    EXPECT_EQ(symbols->data_symbols(), 2U);
}

TEST_F(SymbolFile, RefusesAnotherKernelsFile) {
    const auto symbols = KernelSymbols::parse("ffffffff9a000000 T _text\nffffffff9a000100 T start_kernel\n");
    EXPECT_FALSE(symbols->add_file(write("ffffffff81000000 T _text\nffffffff81000180 T start_kernel\n")));
    EXPECT_FALSE(symbols->add_file(write("ffffffff81000000 T _text\n"))) << "one symbol proves nothing";
    EXPECT_FALSE(symbols->add_file(write("ffffffffffffffff B The real System.map is elsewhere\n")));
    const Status absent = symbols->add_file("/nonexistent/System.map");
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().failure, Failure::CannotArm);
    EXPECT_EQ(symbols->size(), 2U);
}

TEST(KernelSymbols, OfThisMachine) {
    const auto begin = std::chrono::steady_clock::now();
    const auto symbols = KernelSymbols::load();
    const auto took = std::chrono::steady_clock::now() - begin;
    if (!symbols) GTEST_SKIP() << symbols.error().sentence();
    RecordProperty("load_ms",
                   static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
    const auto open = (*symbols)->find("do_sys_open");
    if (open.empty()) GTEST_SKIP() << "a kernel without do_sys_open";
    EXPECT_EQ((*symbols)->containing(open[0].address + 1)->address, open[0].address);
    EXPECT_FALSE(KernelSymbols::usual_files().empty());
}

} // namespace
} // namespace stakeout

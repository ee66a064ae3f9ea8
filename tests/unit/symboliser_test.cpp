#include "watchpoints/hit/symboliser.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <chrono>
#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
[[gnu::noinline, gnu::used]] int stakeout_symboliser_test_function(int x) { return x * 5 + 1; }
}

namespace stakeout {
namespace {

std::uint64_t function_address() {
    const auto pointer = &stakeout_symboliser_test_function;
    std::uint64_t address = 0;
    std::memcpy(&address, static_cast<const void*>(&pointer), sizeof address);
    return address;
}

TEST(Symboliser, FramesOfThisProcess) {
    Symboliser symboliser;
    const auto pid = static_cast<std::uint32_t>(::getpid());
    symboliser.notice_process(pid);
    const Frame& frame = symboliser.user_frame(pid, function_address() + 2, false);
    EXPECT_EQ(frame.symbol, "stakeout_symboliser_test_function");
    EXPECT_EQ(frame.offset, 2U);
    EXPECT_EQ(frame.ip, function_address() + 2);
    EXPECT_TRUE(frame.file.ends_with("symboliser_test.cpp")) << frame.file;
    EXPECT_FALSE(frame.module.empty());
    EXPECT_EQ(symboliser.user_function_start(pid, function_address() + 2), function_address());
}

TEST(Symboliser, ReturnAddressBehindTheEndOfAFunction) {
    Symboliser symboliser;
    const auto pid = static_cast<std::uint32_t>(::getpid());
    // As after a call that never returns: the address given is the first byte of the next function.
    EXPECT_NE(symboliser.user_frame(pid, function_address(), true).symbol,
              "stakeout_symboliser_test_function");
    EXPECT_EQ(symboliser.user_frame(pid, function_address() + 1, true).offset, 1U);
    EXPECT_EQ(symboliser.user_frame(pid, function_address(), false).symbol,
              "stakeout_symboliser_test_function");
}

TEST(Symboliser, ReadsCodeFromTheFile) {
    Symboliser symboliser;
    const auto pid = static_cast<std::uint32_t>(::getpid());
    symboliser.notice_process(pid);
    std::array<std::uint8_t, 8> from_file{}, from_memory{};
    ASSERT_EQ(symboliser.read_user_code(pid, function_address(), from_file), from_file.size());
    std::memcpy(from_memory.data(), std::bit_cast<const void*>(function_address()), from_memory.size());
    EXPECT_EQ(from_file, from_memory);
    EXPECT_EQ(symboliser.read_user_code(pid, 16, from_file), 0U);
}

TEST(Symboliser, KeepsWhatItKnowsOfAProcessThatHasEnded) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    Symboliser symboliser;
    const auto pid = static_cast<std::uint32_t>(child);
    symboliser.notice_process(pid);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    symboliser.notice_process(pid, true);
    EXPECT_EQ(symboliser.user_frame(pid, function_address() + 1, false).symbol,
              "stakeout_symboliser_test_function");
    EXPECT_EQ(symboliser.user_function_start(pid, function_address() + 1), function_address());
    std::array<std::uint8_t, 8> code{};
    EXPECT_EQ(symboliser.read_user_code(pid, function_address(), code), code.size());
}

TEST(Symboliser, UnknownProcessGivesOnlyThePointer) {
    Symboliser symboliser;
    constexpr std::uint32_t nobody = 0x7ffffff0;
    symboliser.notice_process(nobody);
    const Frame& frame = symboliser.user_frame(nobody, 0x401000, true);
    EXPECT_EQ(frame.ip, 0x401000U);
    EXPECT_TRUE(frame.symbol.empty());
    EXPECT_TRUE(frame.module.empty());
    EXPECT_FALSE(symboliser.user_function_start(nobody, 0x401000));
}

TEST(Symboliser, KernelFrames) {
    const auto symbols = KernelSymbols::parse(
        "ffffffff81000000 T first\nffffffff81000100 T second\nffffffffc0000000 t in_it\t[mod]\n");
    Symboliser symboliser;
    symboliser.use_kernel_symbols(symbols.get());
    EXPECT_EQ(symboliser.kernel_frame(0xffffffff81000100, true).symbol, "first");
    EXPECT_EQ(symboliser.kernel_frame(0xffffffff81000100, true).offset, 0x100U);
    EXPECT_EQ(symboliser.kernel_frame(0xffffffff81000100, false).symbol, "second");
    EXPECT_EQ(symboliser.kernel_frame(0xffffffffc0000010, false).module, "mod");
    EXPECT_EQ(symboliser.kernel_frame(0xffffffff80000000, false).symbol, "");
    EXPECT_EQ(symboliser.kernel_function_start(0xffffffff81000150), 0xffffffff81000100ULL);
}

TEST(Symboliser, ManyFramesAreTold) {
    Symboliser symboliser;
    const auto pid = static_cast<std::uint32_t>(::getpid());
    for (std::uint64_t i = 0; i < 40'000; ++i)
        symboliser.user_frame(pid, 0x10 + i, false); // beyond the bound
    EXPECT_EQ(symboliser.user_frame(pid, function_address(), false).symbol,
              "stakeout_symboliser_test_function");
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 1'000'000; ++i) symboliser.user_frame(pid, function_address(), false);
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    RecordProperty("million_frames_ms", static_cast<int>(took.count()));
    EXPECT_LT(took.count(), 2'000) << "a known frame is a look-up";
}

} // namespace
} // namespace stakeout

// xen-bridge/guest: the kernel stack of a hit.
#include "fake_guest.h"
#include "xen-bridge/guest/guest_stack.h"

#include <gtest/gtest.h>

using namespace stakeout;
using namespace stakeout::test;

namespace {

constexpr std::uint64_t text = 0xffff'ffff'8100'0000ULL;
constexpr std::uint64_t stack_base = 0xffff'c900'0001'0000ULL;

// Functions of 256 bytes each, filled with one-byte instructions; calls and jumps are put in.
class Stack : public ::testing::Test {
  protected:
    enum : std::uint64_t {
        inner = 0,
        middle = 1,
        outer = 2,
        syscall = 3,
        entry = 4,
        other = 5,
        thunk = 6,
        tail = 7
    };
    Stack() {
        const std::array<const char*, 9> names{"inner",
                                               "middle",
                                               "outer",
                                               "do_syscall_64",
                                               "entry_SYSCALL_64",
                                               "other",
                                               "__x86_indirect_thunk_rax",
                                               "tail",
                                               "the_end"};
        std::string list;
        for (std::size_t i = 0; i < names.size(); ++i) {
            std::array<char, 64> line{};
            (void)snprintf(line.data(), line.size(), "%016lx T %s\n", static_cast<unsigned long>(start(i)),
                           names.at(i));
            list += line.data();
        }
        symbols = KernelSymbols::parse(list);
        guest.write(text, std::vector<std::uint8_t>(4096, 0x90));
        guest.write(stack_base, std::vector<std::uint8_t>(16384, 0));
        sp = stack_base + 16384 - 1024;
        entry_return = call(entry, 0x40, start(syscall));
        syscall_return = call(syscall, 0x50, start(outer));
        outer_return = call(outer, 0x20, start(middle));
        middle_return = call(middle, 0x30, start(inner));
        stale = call(other, 0x60, start(tail));
    }
    static std::uint64_t start(std::uint64_t function) { return text + function * 256; }
    // Puts a call into a function; the address behind it.
    std::uint64_t call(std::uint64_t function, std::uint64_t at, std::uint64_t target) {
        return branch(function, at, target, 0xe8);
    }
    std::uint64_t branch(std::uint64_t function, std::uint64_t at, std::uint64_t target,
                         std::uint8_t opcode) {
        const std::uint64_t place = start(function) + at;
        guest.write_value(place, opcode);
        guest.write_value(place + 1, static_cast<std::uint32_t>(target - place - 5));
        return place + 5;
    }
    void push(std::uint64_t offset, std::uint64_t value) { guest.write_value(sp + offset, value); }
    GuestStack look(std::uint64_t bp = 0) {
        return kernel_stack(guest.memory, *symbols, {start(inner) + 0x10, sp, bp, stack_base});
    }
    static std::vector<std::string> names(const GuestStack& stack) {
        std::vector<std::string> all;
        for (const Frame& frame : stack.frames) all.push_back(frame.symbol);
        return all;
    }
    using Names = std::vector<std::string>;

    FakeGuest guest;
    std::unique_ptr<KernelSymbols> symbols;
    std::uint64_t sp = 0, entry_return = 0, syscall_return = 0, outer_return = 0, middle_return = 0,
                  stale = 0;
};

TEST_F(Stack, FramePointers) {
    push(0x10, sp + 0x40), push(0x18, middle_return);
    push(0x20, stale);
    push(0x40, sp + 0x80), push(0x48, outer_return);
    push(0x80, sp + 0xc0), push(0x88, syscall_return);
    push(0xc0, 0), push(0xc8, entry_return);
    const GuestStack stack = look(sp + 0x10);
    EXPECT_EQ(stack.way, StackWay::FramePointers);
    EXPECT_EQ(names(stack), (Names{"inner", "middle", "outer", "do_syscall_64", "entry_SYSCALL_64"}));
    EXPECT_EQ(stack.frames[1].ip, middle_return);
    EXPECT_EQ(stack.frames[1].offset, 0x35U);
}

TEST_F(Stack, AChainThatGoesRoundIsNone) {
    push(0x10, sp + 0x10), push(0x18, middle_return);
    const GuestStack stack = look(sp + 0x10);
    EXPECT_NE(stack.way, StackWay::FramePointers);
}

TEST_F(Stack, LinkedCallsLeaveOutWhatIsStale) {
    push(0x08, stale);
    push(0x18, middle_return);
    push(0x20, entry_return); // an entry, but no caller of middle
    push(0x28, stale);
    push(0x30, middle_return); // from an earlier call
    push(0x48, outer_return);
    push(0x88, syscall_return);
    push(0x90, outer_return);
    push(0xc8, entry_return);
    const GuestStack stack = look(0x1234);
    EXPECT_EQ(stack.way, StackWay::Linked);
    EXPECT_EQ(names(stack), (Names{"inner", "middle", "outer", "do_syscall_64", "entry_SYSCALL_64"}));
}

TEST_F(Stack, JumpsAtTheEndAndCallsThroughPointers) {
    const std::uint64_t through_tail = call(outer, 0x20, start(tail)); // tail jumps on to middle
    branch(tail, 0x30, start(middle), 0xe9);
    const std::uint64_t through_pointer = call(syscall, 0x50, start(thunk));
    push(0x18, middle_return);
    push(0x48, through_tail);
    push(0x88, through_pointer);
    push(0xc8, entry_return);
    const GuestStack stack = look();
    EXPECT_EQ(stack.way, StackWay::Linked);
    EXPECT_EQ(names(stack), (Names{"inner", "middle", "outer", "do_syscall_64", "entry_SYSCALL_64"}));
}

TEST_F(Stack, WithoutAnEntryEverythingIsGiven) {
    push(0x08, stale);
    push(0x18, middle_return);
    push(0x48, outer_return);
    push(0x50, start(outer) + 0x10); // in text, but behind no call
    push(0x58, 0x401136);
    const GuestStack stack = look();
    EXPECT_EQ(stack.way, StackWay::Scanned);
    EXPECT_EQ(names(stack), (Names{"inner", "other", "middle", "outer"}));
}

TEST_F(Stack, BoundsAndUserMode) {
    const GuestStack user = kernel_stack(guest.memory, *symbols, {0x401136, sp, 0, stack_base});
    EXPECT_EQ(user.way, StackWay::None);
    EXPECT_TRUE(user.frames.empty());
    for (const std::uint64_t wrong : {std::uint64_t{0}, ~std::uint64_t{0}, sp + 1, stack_base + 0x10'0000}) {
        const GuestStack stack =
            kernel_stack(guest.memory, *symbols, {start(inner), wrong, wrong, stack_base});
        EXPECT_EQ(stack.frames.size(), 1U) << wrong;
    }
    // Beyond the task's stack nothing is looked at.
    guest.write(stack_base + 16384, std::vector<std::uint8_t>(16384, 0));
    guest.write_value(stack_base + 16384 + 8, middle_return);
    EXPECT_EQ(look().frames.size(), 1U);
    // A full stack of plausible words ends.
    for (std::uint64_t at = stack_base; at < stack_base + 16384; at += 8)
        guest.write_value(at, middle_return);
    sp = stack_base;
    EXPECT_EQ(look().frames.size(), 48U);
}

} // namespace

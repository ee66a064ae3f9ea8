// Where the accessing instruction is not simply the one before the instruction pointer.
#include "watchpoints/hit/instruction.h"

#include "tests/unit/code_memory.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

constexpr std::uint64_t W = 0x7f1234567000;
constexpr std::uint64_t resume_flag = 1U << 16;
constexpr std::uint64_t caller = 0x401000, callee = 0x402000;

AccessQuestion question_at(std::uint64_t ip) {
    AccessQuestion question;
    question.regs.ip = ip;
    question.address = W;
    question.length = 8;
    return question;
}

std::optional<LocatedAccess> locate(const AccessQuestion& question, const test::CodeMemory& memory) {
    return locate_access(question, memory.reader());
}

TEST(LocateAccess, RepeatedStoreStillRunning) {
    test::CodeMemory memory;
    // mov rdi, rax; rep stosb; ret
    memory.put(caller, {0x48, 0x89, 0xc7, 0xf3, 0xaa, 0xc3, 0x90, 0x90});
    for (const std::uint64_t flags : {resume_flag, std::uint64_t{0}}) {
        AccessQuestion question = question_at(caller + 3);
        question.function_start = caller;
        question.regs.flags = flags;
        question.regs.di = W + 3;
        question.regs.cx = 5;
        const auto found = locate(question, memory);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->instruction.text, "rep stosb");
        EXPECT_EQ(found->instruction.address, caller + 3);
        EXPECT_EQ(found->access, Access::Write);
    }
}

TEST(LocateAccess, StoreBeforeARepeatedStoreThatHasNotBegun) {
    test::CodeMemory memory;
    // nop; mov [rdi], rax; rep stosq
    memory.put(caller, {0x90, 0x48, 0x89, 0x07, 0xf3, 0x48, 0xab, 0xc3, 0x90});
    AccessQuestion question = question_at(caller + 4);
    question.regs.di = W;
    question.regs.cx = 8;
    const auto found = locate(question, memory);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->instruction.text, "mov qword ptr [rdi], rax");
}

TEST(LocateAccess, RepeatedCopyReadsOrWrites) {
    test::CodeMemory memory;
    memory.put(caller, {0x90, 0xf3, 0x48, 0xa5, 0xc3, 0x90, 0x90}); // nop; rep movsq
    AccessQuestion question = question_at(caller + 1);
    question.regs.flags = resume_flag;
    question.regs.si = W + 8;
    question.regs.di = W + 4096;
    auto found = locate(question, memory);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->access, Access::Read);
    std::swap(question.regs.si, question.regs.di);
    found = locate(question, memory);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->access, Access::Write);
}

TEST(LocateAccess, CallThroughMemoryReadsTheWord) {
    test::CodeMemory memory;
    memory.put(caller, {0x90, 0x90, 0xff, 0x13, 0x90, 0x90});             // call [rbx]
    memory.put(callee, {0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x90, 0x90, 0x90}); // endbr64; push rbp
    AccessQuestion question = question_at(callee);
    question.function_start = callee;
    question.regs.bx = W;
    question.regs.sp = 0x7ffd00002000;
    question.stack_top = caller + 4;
    question.start_of_function = [](std::uint64_t) { return std::optional(caller); };
    auto found = locate(question, memory);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->instruction.text, "call qword ptr [rbx]");
    EXPECT_EQ(found->access, Access::Read);
    question.start_of_function = nullptr;
    found = locate(question, memory);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->instruction.address, caller + 2);
}

TEST(LocateAccess, DirectCallWritesTheStackWord) {
    test::CodeMemory memory;
    memory.put(caller, {0x90, 0x90, 0xe8, 0xf9, 0x0f, 0x00, 0x00, 0x90}); // call 0x402000
    memory.put(callee, {0x55, 0x90, 0x90, 0x90});
    AccessQuestion question = question_at(callee);
    question.regs.sp = W;
    question.stack_top = caller + 7;
    const auto found = locate(question, memory);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->instruction.text, "call 0x402000");
    EXPECT_EQ(found->access, Access::Write);
}

TEST(LocateAccess, CallThroughRegisterWritesTheStackWord) {
    test::CodeMemory memory;
    memory.put(caller, {0x90, 0x90, 0x41, 0xff, 0xd3, 0x90}); // call r11
    memory.put(callee, {0x55, 0x90, 0x90, 0x90});
    AccessQuestion question = question_at(callee);
    question.regs.sp = W;
    question.regs.r11 = callee;
    question.stack_top = caller + 5;
    const auto found = locate(question, memory);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->instruction.text, "call r11");
    question.regs.r11 = callee + 1; // it went somewhere else
    EXPECT_FALSE(locate(question, memory));
}

TEST(LocateAccess, JumpThroughMemoryAndReturnCannotBeFound) {
    test::CodeMemory memory;
    memory.put(caller, {0xff, 0x27, 0x48, 0x89, 0xd8, 0xc3, 0x90, 0x90}); // jmp [rdi]; mov rax, rbx; ret
    AccessQuestion question = question_at(caller + 2);
    question.function_start = caller;
    question.regs.di = W;
    EXPECT_FALSE(locate(question, memory));
    question = question_at(caller + 6); // behind the ret
    question.function_start = caller;
    question.regs.sp = W + 8;
    EXPECT_FALSE(locate(question, memory));
}

TEST(LocateAccess, FirstInstructionOfAFunctionHasNoneBefore) {
    test::CodeMemory memory;
    memory.put(caller, {0x48, 0x89, 0x07, 0x48, 0x89, 0x07, 0x90, 0x90});
    AccessQuestion question = question_at(caller + 3);
    question.function_start = caller + 3;
    question.regs.di = W;
    EXPECT_FALSE(locate(question, memory));
}

TEST(LocateAccess, BehindAConditionalBranch) {
    test::CodeMemory memory;
    // test eax, eax; je +2; jmp +0; mov [rdi], rax
    memory.put(caller, {0x85, 0xc0, 0x74, 0x02, 0xeb, 0x00, 0x48, 0x89, 0x07, 0x90, 0x90});
    AccessQuestion question = question_at(caller + 9);
    question.regs.di = W;
    for (const auto& start : {std::optional<std::uint64_t>(caller), std::optional<std::uint64_t>()}) {
        question.function_start = start;
        const auto found = locate(question, memory);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->instruction.text, "mov qword ptr [rdi], rax");
    }
}

TEST(LocateAccess, SweepOutOfStepFallsBack) {
    test::CodeMemory memory;
    // Data that begins like a five-byte mov and swallows the beginning of what follows.
    memory.put(caller, {0x90, 0x90, 0x90, 0x06, 0x06, 0x90, 0x48, 0x89, 0x07, 0x90, 0x90});
    AccessQuestion question = question_at(caller + 9);
    question.function_start = caller;
    question.regs.di = W;
    auto found = locate(question, memory);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->instruction.text, "mov qword ptr [rdi], rax");

    memory.put(caller, {0x90, 0x90, 0x90, 0x48, 0x89, 0x07, 0x48, 0xb8, 0x01, 0x02});
    question = question_at(caller + 8); // in the middle of the movabs
    question.function_start = caller;
    question.regs.di = W;
    found = locate(question, memory);
    EXPECT_FALSE(found);
}

TEST(LocateAccess, UnreadableCodeGivesNothing) {
    const test::CodeMemory memory;
    AccessQuestion question = question_at(caller);
    question.stack_top = 0;
    EXPECT_FALSE(locate(question, memory));
    question.function_start = caller - 20;
    question.stack_top = ~0ULL;
    EXPECT_FALSE(locate(question, memory));
    question = question_at(0);
    EXPECT_FALSE(locate(question, memory));
    EXPECT_FALSE(instruction_at(caller, memory.reader()));
}

TEST(LocateAccess, FewBytesAreEnough) {
    test::CodeMemory memory;
    memory.put(caller, {0x90, 0x48, 0x89, 0x07}); // a mapping that ends with the instruction
    AccessQuestion question = question_at(caller + 4);
    question.regs.di = W;
    const auto found = locate(question, memory);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->instruction.address, caller + 1);
}

TEST(LocateAccess, SegmentBaseOfZeroIsNotTakenForItsTail) {
    test::CodeMemory memory;
    // 32 nops; mov gs:[rdi], rax. Without its prefix it is a mov to just the watched word.
    std::vector<std::uint8_t> code(32, 0x90);
    for (const std::uint8_t byte : {0x65, 0x48, 0x89, 0x07}) code.push_back(byte);
    memory.put(caller, code);
    AccessQuestion question = question_at(caller + code.size());
    question.regs.di = W;
    const auto found = locate(question, memory);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->instruction.text, "mov qword ptr gs:[rdi], rax");
    EXPECT_EQ(found->access, Access::Write);
}

TEST(LocateAccess, NoGuessBetweenTwoReadings) {
    test::CodeMemory memory;
    memory.put(caller, {0x48, 0x89, 0x07}); // with or without its first byte, and nothing before it to tell
    AccessQuestion question = question_at(caller + 3);
    question.regs.di = W;
    EXPECT_FALSE(locate(question, memory));
    question.function_start = caller;
    EXPECT_TRUE(locate(question, memory));
}

TEST(DataReferences, GlobalsOfAFunction) {
    test::CodeMemory memory;
    memory.put(caller,
               {
                   0xf3, 0x0f, 0x1e, 0xfa,                         // endbr64
                   0x0f, 0x1f, 0x05, 0,    0,    0,    0,          // nop [rip]
                   0x48, 0x8b, 0x05, 0x00, 0x01, 0x00, 0x00,       // mov rax, [rip+0x100]
                   0x48, 0x8d, 0x3d, 0x00, 0x02, 0x00, 0x00,       // lea rdi, [rip+0x200]
                   0x48, 0x89, 0x05, 0xf2, 0x00, 0x00, 0x00,       // mov [rip+0xf2], rax: the first again
                   0x65, 0x8b, 0x0d, 0x00, 0x01, 0x00, 0x00,       // mov ecx, gs:[rip+0x100]
                   0x8b, 0x04, 0x25, 0x00, 0x10, 0x00, 0x81, 0xc3, // mov eax, [0xffffffff81001000]; ret
               });
    const auto references = data_references(caller, 47, memory.reader());
    ASSERT_EQ(references.size(), 3U);
    EXPECT_EQ(references[0].address, caller + 18 + 0x100);
    EXPECT_EQ(references[0].width, 8U);
    EXPECT_EQ(references[1].address, caller + 25 + 0x200);
    EXPECT_EQ(references[1].width, 0U);
    EXPECT_EQ(references[2].address, 0xffffffff81001000ULL);
    EXPECT_EQ(references[2].width, 4U);
    EXPECT_TRUE(data_references(caller + 4096, 100, memory.reader()).empty());
}

} // namespace
} // namespace stakeout

// Every form of access that decoding has to tell: real encodings (from GNU as), the registers as they are
// after the instruction, and what is to be found.
#include "watchpoints/hit/instruction.h"

#include "tests/unit/code_memory.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace stakeout {
namespace {

constexpr std::uint64_t W = 0x7f1234567000; // the watched word, eight bytes
constexpr std::uint64_t S = 0x7ffd00002000; // some other memory
constexpr std::uint64_t DF = 1U << 10;      // string instructions go downwards
constexpr std::uint64_t code_base = 0x401000;
constexpr std::size_t lead = 16; // bytes of nops before the instruction

struct Row {
    const char* text;
    std::vector<std::uint8_t> bytes;
    void (*set_registers)(so_regs& r);
    std::optional<Access> access; // absent: nothing is to be found
    std::uint64_t watched = W;
};

const Row rows[] = {
    {"mov qword ptr [rdi], rax", {0x48, 0x89, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"mov dword ptr [rdi], eax", {0x89, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"mov word ptr [rdi], ax", {0x66, 0x89, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"mov byte ptr [rdi], al", {0x88, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"mov rax, qword ptr [rdi]", {0x48, 0x8b, 0x07}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"mov eax, dword ptr [rdi+0x4]", {0x8b, 0x47, 0x04}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"mov cx, word ptr [rdi+0x2]", {0x66, 0x8b, 0x4f, 0x02}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"mov cl, byte ptr [rdi+0x7]", {0x8a, 0x4f, 0x07}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"mov qword ptr [rax], 0x0", {0x48, 0xc7, 0x00, 0x00, 0x00, 0x00, 0x00}, [](so_regs& r) { r.ax = W; }, Access::Write},
    {"mov dword ptr [rbx+rcx*4-0x10], 0x7", {0xc7, 0x44, 0x8b, 0xf0, 0x07, 0x00, 0x00, 0x00}, [](so_regs& r) { r.bx = W; r.cx = 4; }, Access::Write},
    {"mov qword ptr [rdi+0x10], rax", {0x48, 0x89, 0x47, 0x10}, [](so_regs& r) { r.di = W-0x10; }, Access::Write},
    {"movzx eax, byte ptr [rsi]", {0x0f, 0xb6, 0x06}, [](so_regs& r) { r.si = W; }, Access::Read},
    {"movsx rax, word ptr [rsi]", {0x48, 0x0f, 0xbf, 0x06}, [](so_regs& r) { r.si = W; }, Access::Read},
    {"movsxd rax, dword ptr [rsi]", {0x48, 0x63, 0x06}, [](so_regs& r) { r.si = W; }, Access::Read},
    {"cmp qword ptr [rdx], 0x1", {0x48, 0x83, 0x3a, 0x01}, [](so_regs& r) { r.dx = W; }, Access::Read},
    {"cmp rax, qword ptr [rdx]", {0x48, 0x3b, 0x02}, [](so_regs& r) { r.dx = W; }, Access::Read},
    {"test byte ptr [rdx], 0x1", {0xf6, 0x02, 0x01}, [](so_regs& r) { r.dx = W; }, Access::Read},
    {"add qword ptr [rdi], rax", {0x48, 0x01, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"sub dword ptr [rdi], 0x1", {0x83, 0x2f, 0x01}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"inc qword ptr [rdi]", {0x48, 0xff, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"dec dword ptr [rdi]", {0xff, 0x0f}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"neg qword ptr [rdi]", {0x48, 0xf7, 0x1f}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"not qword ptr [rdi]", {0x48, 0xf7, 0x17}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"and dword ptr [rdi], 0x3", {0x83, 0x27, 0x03}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"or byte ptr [r8+r9*1], 0x80", {0x43, 0x80, 0x0c, 0x08, 0x80}, [](so_regs& r) { r.r9 = 8; r.r8 = W-8; }, Access::Write},
    {"add rax, qword ptr [rdi]", {0x48, 0x03, 0x07}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"shl qword ptr [rdi], 0x3", {0x48, 0xc1, 0x27, 0x03}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"setz byte ptr [rdi]", {0x0f, 0x94, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"xchg qword ptr [rdi], rax", {0x48, 0x87, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"lock xadd qword ptr [rdi], rax", {0xf0, 0x48, 0x0f, 0xc1, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"lock cmpxchg qword ptr [rdi], rcx", {0xf0, 0x48, 0x0f, 0xb1, 0x0f}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"lock cmpxchg dword ptr [rdi], edx", {0xf0, 0x0f, 0xb1, 0x17}, [](so_regs& r) { r.ax = 5; r.di = W; }, Access::Write},
    {"cmpxchg8b qword ptr [rdi]", {0x0f, 0xc7, 0x0f}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"lock cmpxchg16b xmmword ptr [rsi]", {0xf0, 0x48, 0x0f, 0xc7, 0x0e}, [](so_regs& r) { r.si = W-8; }, Access::Write},
    {"lock add dword ptr [rdi], 0x1", {0xf0, 0x83, 0x07, 0x01}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"lock inc dword ptr [rdi]", {0xf0, 0xff, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"bt dword ptr [rdi], 0x3", {0x0f, 0xba, 0x27, 0x03}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"bts qword ptr [rdi], 0x3", {0x48, 0x0f, 0xba, 0x2f, 0x03}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"lock bts qword ptr [rdi], rsi", {0xf0, 0x48, 0x0f, 0xab, 0x37}, [](so_regs& r) { r.si = 130; r.di = W-16; }, Access::Write},
    {"btr dword ptr [rdi], esi", {0x0f, 0xb3, 0x37}, [](so_regs& r) { r.si = 0xffffffffULL; r.di = W+4; }, Access::Write},
    {"push qword ptr [rbx]", {0xff, 0x33}, [](so_regs& r) { r.bx = W; r.sp = S; }, Access::Read},
    {"pop qword ptr [rbx]", {0x8f, 0x03}, [](so_regs& r) { r.bx = W; r.sp = S; }, Access::Write},
    {"push rax", {0x50}, [](so_regs& r) { r.sp = W; }, Access::Write},
    {"push 0x7", {0x6a, 0x07}, [](so_regs& r) { r.sp = W; }, Access::Write},
    {"pop rcx", {0x59}, [](so_regs& r) { r.sp = W+8; }, Access::Read},
    {"push qword ptr [rsp+0x8]", {0xff, 0x74, 0x24, 0x08}, [](so_regs& r) { r.sp = W-16; }, Access::Read},
    {"pop qword ptr [rsp+0x8]", {0x8f, 0x44, 0x24, 0x08}, [](so_regs& r) { r.sp = W-8; }, Access::Write},
    {"pushfq", {0x9c}, [](so_regs& r) { r.sp = W; }, Access::Write},
    {"popfq", {0x9d}, [](so_regs& r) { r.sp = W+8; }, Access::Read},
    {"leave", {0xc9}, [](so_regs& r) { r.sp = W+8; }, Access::Read},
    {"enter 0x10, 0x0", {0xc8, 0x10, 0x00, 0x00}, [](so_regs& r) { r.bp = W; r.sp = W-16; }, Access::Write},
    {"movups xmm0, xmmword ptr [rdi]", {0x0f, 0x10, 0x07}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"movaps xmmword ptr [rdi], xmm1", {0x0f, 0x29, 0x0f}, [](so_regs& r) { r.di = W-8; }, Access::Write},
    {"movntps xmmword ptr [rdi], xmm0", {0x0f, 0x2b, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"movdqu xmm3, xmmword ptr [rdi+0x10]", {0xf3, 0x0f, 0x6f, 0x5f, 0x10}, [](so_regs& r) { r.di = W-16; }, Access::Read},
    {"movss dword ptr [rdi], xmm0", {0xf3, 0x0f, 0x11, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"movsd xmm0, qword ptr [rdi]", {0xf2, 0x0f, 0x10, 0x07}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"movnti qword ptr [rdi], rax", {0x48, 0x0f, 0xc3, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"movntdqa xmm0, xmmword ptr [rdi]", {0x66, 0x0f, 0x38, 0x2a, 0x07}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"maskmovdqu xmm0, xmm1", {0x66, 0x0f, 0xf7, 0xc1}, [](so_regs& r) { r.di = W-4; }, Access::Write},
    {"vmovups ymmword ptr [rdi], ymm0", {0xc5, 0xfc, 0x11, 0x07}, [](so_regs& r) { r.di = W-24; }, Access::Write},
    {"vmovdqu ymm1, ymmword ptr [rdi]", {0xc5, 0xfe, 0x6f, 0x0f}, [](so_regs& r) { r.di = W-24; }, Access::Read},
    {"vmaskmovps ymmword ptr [rdi], ymm1, ymm2", {0xc4, 0xe2, 0x75, 0x2e, 0x17}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"vmovdqu64 zmmword ptr [rdi], zmm0", {0x62, 0xf1, 0xfe, 0x48, 0x7f, 0x07}, [](so_regs& r) { r.di = W-56; }, Access::Write},
    {"vmovups zmm5, zmmword ptr [rdi+0x40]", {0x62, 0xf1, 0x7c, 0x48, 0x10, 0x6f, 0x01}, [](so_regs& r) { r.di = W-0x78; }, Access::Read},
    {"vmovdqu32 zmmword ptr [rdi] {k1}, zmm0", {0x62, 0xf1, 0x7e, 0x49, 0x7f, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"vpaddd zmm0, zmm1, dword ptr [rdi] {1to16}", {0x62, 0xf1, 0x75, 0x58, 0xfe, 0x07}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"fld qword ptr [rdi]", {0xdd, 0x07}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"fstp qword ptr [rdi]", {0xdd, 0x1f}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"fxsave [rdi]", {0x0f, 0xae, 0x07}, [](so_regs& r) { r.di = W-256; }, Access::Write},
    {"xsave [rdi]", {0x0f, 0xae, 0x27}, [](so_regs& r) { r.di = W-1024; }, Access::Write},
    {"xrstor [rdi]", {0x0f, 0xae, 0x2f}, [](so_regs& r) { r.di = W-1024; }, Access::Read},
    {"stosq", {0x48, 0xab}, [](so_regs& r) { r.di = W+8; }, Access::Write},
    {"stosb", {0xaa}, [](so_regs& r) { r.di = W+1; }, Access::Write},
    {"lodsb", {0xac}, [](so_regs& r) { r.si = W+1; }, Access::Read},
    {"movsq", {0x48, 0xa5}, [](so_regs& r) { r.si = W+8; r.di = S; }, Access::Read},
    {"movsb", {0xa4}, [](so_regs& r) { r.si = S; r.di = W+1; }, Access::Write},
    {"cmpsb", {0xa6}, [](so_regs& r) { r.si = S; r.di = W+1; }, Access::Read},
    {"scasb", {0xae}, [](so_regs& r) { r.di = W+1; }, Access::Read},
    {"stosd", {0xab}, [](so_regs& r) { r.di = W-4; r.flags = DF; }, Access::Write},
    {"movsb", {0xa4}, [](so_regs& r) { r.si = W-1; r.di = S; r.flags = DF; }, Access::Read},
    {"rep stosb", {0xf3, 0xaa}, [](so_regs& r) { r.cx = 0; r.di = W+4; }, Access::Write},
    {"rep movsb", {0xf3, 0xa4}, [](so_regs& r) { r.cx = 0; r.si = S; r.di = W+1; }, Access::Write},
    {"rep movsq", {0xf3, 0x48, 0xa5}, [](so_regs& r) { r.cx = 0; r.si = W+8; r.di = S; }, Access::Read},
    {"repe cmpsb", {0xf3, 0xa6}, [](so_regs& r) { r.cx = 2; r.si = W+3; r.di = S; }, Access::Read},
    {"repne scasb", {0xf2, 0xae}, [](so_regs& r) { r.cx = 1; r.di = W+2; }, Access::Read},
    {"rep stosb", {0xf3, 0xaa}, [](so_regs& r) { r.cx = 0; r.di = W+48; }, Access::Write},
    {"mov rax, qword ptr [rax]", {0x48, 0x8b, 0x00}, [](so_regs& r) { r.ax = 99; }, Access::Read},
    {"mov rcx, qword ptr fs:[rax]", {0x64, 0x48, 0x8b, 0x08}, [](so_regs& r) { r.ax = 16; }, Access::Read},
    {"mov qword ptr gs:[rdx], rcx", {0x65, 0x48, 0x89, 0x0a}, [](so_regs& r) { r.dx = 0x20; }, Access::Write},
    {"xadd qword ptr [rbx], rbx", {0x48, 0x0f, 0xc1, 0x1b}, [](so_regs& r) { r.bx = 1; }, Access::Write},
    {"mov rax, qword ptr [0x401117]", {0x48, 0x8b, 0x05, 0x00, 0x01, 0x00, 0x00}, [](so_regs& r) { r.ax = 0; }, Access::Read, code_base + 16 + 7 + 0x100},
    {"mov qword ptr [0x401117], rax", {0x48, 0x89, 0x05, 0x00, 0x01, 0x00, 0x00}, [](so_regs& r) { r.ax = 0; }, Access::Write, code_base + 16 + 7 + 0x100},
    {"mov dword ptr [edi], eax", {0x67, 0x89, 0x07}, [](so_regs& r) { r.di = 0x5500000000ULL | (W & 0xffffffff); }, Access::Write, W & 0xffffffff},
    {"xlat", {0xd7}, [](so_regs& r) { r.bx = W; }, Access::Read},
    {"crc32 rax, qword ptr [rdi]", {0xf2, 0x48, 0x0f, 0x38, 0xf1, 0x07}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"movbe qword ptr [rdi], rax", {0x48, 0x0f, 0x38, 0xf1, 0x07}, [](so_regs& r) { r.di = W; }, Access::Write},
    {"pinsrq xmm0, qword ptr [rdi], 0x1", {0x66, 0x48, 0x0f, 0x3a, 0x22, 0x07, 0x01}, [](so_regs& r) { r.di = W; }, Access::Read},
    {"lea rax, [rdi]", {0x48, 0x8d, 0x07}, [](so_regs& r) { r.di = W; }, std::nullopt},
    {"nop dword ptr [rdi], eax", {0x0f, 0x1f, 0x07}, [](so_regs& r) { r.di = W; }, std::nullopt},
    {"prefetcht0 byte ptr [rdi]", {0x0f, 0x18, 0x0f}, [](so_regs& r) { r.di = W; }, std::nullopt},
    {"prefetchw byte ptr [rdi]", {0x0f, 0x0d, 0x0f}, [](so_regs& r) { r.di = W; }, std::nullopt},
    {"clflush zmmword ptr [rdi]", {0x0f, 0xae, 0x3f}, [](so_regs& r) { r.di = W; }, std::nullopt},
    {"mov rax, rdi", {0x48, 0x89, 0xf8}, [](so_regs& r) { r.di = W; }, std::nullopt},
    {"mov qword ptr [rdi], rax", {0x48, 0x89, 0x07}, [](so_regs& r) { r.di = W+8; }, std::nullopt},
    {"mov qword ptr [rdi], rax", {0x48, 0x89, 0x07}, [](so_regs& r) { r.di = W-8; }, std::nullopt},
    {"jmp rax", {0xff, 0xe0}, [](so_regs& r) { r.ax = W; }, std::nullopt},
    {"endbr64", {0xf3, 0x0f, 0x1e, 0xfa}, [](so_regs& r) { r.ax = W; }, std::nullopt},
};

class Forms : public testing::TestWithParam<Row> {
  protected:
    static std::vector<std::uint8_t> code_of(const Row& row) {
        std::vector<std::uint8_t> code(lead, 0x90);
        code.insert(code.end(), row.bytes.begin(), row.bytes.end());
        code.insert(code.end(), 32, 0x90);
        return code;
    }
    static void check(const Row& row, bool with_function_start) {
        test::CodeMemory memory;
        memory.put(code_base, code_of(row));
        AccessQuestion question;
        row.set_registers(question.regs);
        question.regs.ip = code_base + lead + row.bytes.size();
        question.address = row.watched;
        question.length = 8;
        if (with_function_start) question.function_start = code_base;
        const auto found = locate_access(question, memory.reader());
        ASSERT_EQ(found.has_value(), row.access.has_value()) << row.text;
        if (!found) return;
        EXPECT_EQ(found->access, *row.access) << row.text;
        EXPECT_EQ(found->instruction.text, row.text);
        EXPECT_EQ(found->instruction.address, code_base + lead) << row.text;
    }
};

TEST_P(Forms, FoundFromTheStartOfTheFunction) { check(GetParam(), true); }
TEST_P(Forms, FoundBackwards) { check(GetParam(), false); }
TEST_P(Forms, Text) {
    test::CodeMemory memory;
    memory.put(code_base, code_of(GetParam()));
    const auto instruction = instruction_at(code_base + lead, memory.reader());
    ASSERT_TRUE(instruction.has_value());
    EXPECT_EQ(instruction->text, GetParam().text);
}
INSTANTIATE_TEST_SUITE_P(Instruction, Forms, testing::ValuesIn(rows));

} // namespace
} // namespace stakeout

/* Each form is a function of a few instructions, of which exactly one touches the word. Registers hold the
 * word's address, as compilers do it; what the form needs (a counter, a comparand) is set up before, in
 * registers. */
#include "forms.h"

#include <stdint.h>

__attribute__((aligned(64))) unsigned char forms_word[4096];
static __attribute__((aligned(64))) unsigned char other[4096];

/* Where `call [forms_word]` goes. The word must hold its address before the watch is armed: see prepare(). */
__attribute__((used, naked)) static void callee(void) { __asm__ volatile("ret"); }

__attribute__((constructor)) static void prepare(void) {
    void (*target)(void) = callee;
    __builtin_memcpy(forms_word, &target, sizeof target);
}

#define CLOBBERS "rax", "rcx", "rdx", "rsi", "r8", "r9", "cc", "memory"

/* One function a form: `text` with rdi = the word. */
#define FORM(name, text)                                                                                     \
    static __attribute__((noinline)) void form_##name(void) {                                                \
        void* word = forms_word;                                                                             \
        __asm__ volatile(".intel_syntax noprefix\n" text "\n.att_syntax"                                     \
                         : "+D"(word)                                                                        \
                         : "b"(other)                                                                        \
                         : CLOBBERS, "xmm0", "xmm1", "xmm2");                                                \
    }

FORM(mov_store_8, "mov qword ptr [rdi], rax")
FORM(mov_store_4, "mov dword ptr [rdi], eax")
FORM(mov_store_2, "mov word ptr [rdi], ax")
FORM(mov_store_1, "mov byte ptr [rdi], al")
FORM(mov_load_8, "mov rax, qword ptr [rdi]")
FORM(mov_load_4, "mov eax, dword ptr [rdi+4]")
FORM(mov_load_2, "mov ax, word ptr [rdi+6]")
FORM(mov_load_1, "mov al, byte ptr [rdi+7]")
FORM(mov_imm, "mov qword ptr [rdi], 7")
FORM(mov_rip_store, "mov qword ptr forms_word[rip], rax")
FORM(mov_rip_load, "mov rax, qword ptr forms_word[rip]")
FORM(mov_own_base, "mov rdi, qword ptr [rdi]")
FORM(mov_indexed, "mov ecx, 2\nlea rdx, [rdi-8]\nmov qword ptr [rdx+rcx*4], rax")
FORM(movzx, "movzx eax, byte ptr [rdi]")
FORM(movsx, "movsx rax, word ptr [rdi]")
FORM(cmp, "cmp qword ptr [rdi], 5")
FORM(test, "test dword ptr [rdi], 5")
FORM(add, "add qword ptr [rdi], 5")
FORM(sub, "sub dword ptr [rdi], 5")
FORM(inc, "inc qword ptr [rdi]")
FORM(dec, "dec qword ptr [rdi]")
FORM(neg, "neg qword ptr [rdi]")
FORM(not, "not qword ptr [rdi]")
FORM(and, "and qword ptr [rdi], rax")
FORM(or, "or byte ptr [rdi], 1")
FORM(xchg, "xchg qword ptr [rdi], rax")
FORM(xadd, "lock xadd qword ptr [rdi], rax")
FORM(lock_add, "lock add dword ptr [rdi], 1")
FORM(cmpxchg_fails, "mov rax, 0x123456789\nlock cmpxchg qword ptr [rdi], rcx")
FORM(bt, "bt dword ptr [rdi], 3")
FORM(bts, "bts dword ptr [rdi], 3")
FORM(lock_bts_far, "mov esi, 130\nlea rdx, [rdi-16]\nlock bts qword ptr [rdx], rsi")
FORM(btr, "btr qword ptr [rdi], 3")
FORM(rep_stosb, "mov ecx, 8\nrep stosb")
FORM(rep_stosq, "mov ecx, 1\nrep stosq")
FORM(stosb, "stosb")
FORM(stosb_down, "std\nadd rdi, 7\nstosb\ncld")
FORM(rep_movsb_to, "mov rsi, rbx\nmov ecx, 8\nrep movsb")
FORM(rep_movsb_from, "mov rsi, rdi\nmov rdi, rbx\nmov ecx, 8\nrep movsb")
FORM(rep_movsq_to, "mov rsi, rbx\nmov ecx, 1\nrep movsq")
FORM(rep_movsq_from, "mov rsi, rdi\nmov rdi, rbx\nmov ecx, 1\nrep movsq")
FORM(movsq_to, "mov rsi, rbx\nmovsq")
FORM(movsq_from, "mov rsi, rdi\nmov rdi, rbx\nmovsq")
FORM(cmpsb, "mov rsi, rbx\ncmpsb")
FORM(scasb, "scasb")
FORM(lodsb, "mov rsi, rdi\nlodsb")
FORM(push_memory, "push qword ptr [rdi]\nlea rsp, [rsp+8]")
FORM(pop_memory, "push rax\npop qword ptr [rdi]")
FORM(push_watched, "mov rdx, rsp\nlea rsp, [rdi+8]\npush rax\nmov rsp, rdx")
FORM(pop_watched, "mov rdx, rsp\nmov rsp, rdi\npop rax\nmov rsp, rdx")
FORM(call_memory, "mov rdx, rsp\nlea rsp, [rsp-256]\ncall qword ptr [rdi]\nmov rsp, rdx")
FORM(call_watched, "mov rdx, rsp\nlea rsp, [rdi+8]\ncall 1f\n1: mov rsp, rdx")
FORM(behind_branch, "xor eax, eax\ntest eax, eax\njne 1f\nmov qword ptr [rdi], rax\n1: nop")
FORM(branch_target, "xor eax, eax\ntest eax, eax\nje 1f\n.byte 0x48, 0xb8\n1: mov qword ptr [rdi], rax\nnop")
FORM(movups_store, "movups xmmword ptr [rdi], xmm0")
FORM(movups_load, "movups xmm0, xmmword ptr [rdi]")
FORM(movaps_store, "movaps xmmword ptr [rdi], xmm0")
FORM(movaps_load, "movaps xmm0, xmmword ptr [rdi]")
FORM(movntps, "movntps xmmword ptr [rdi], xmm0")
FORM(movdqu_store, "movdqu xmmword ptr [rdi-4], xmm0")
FORM(movdqu_load, "movdqu xmm0, xmmword ptr [rdi]")
FORM(movss_store, "movss dword ptr [rdi], xmm0")
FORM(movss_load, "movss xmm0, dword ptr [rdi]")
FORM(movsd_store, "movsd qword ptr [rdi], xmm0")
FORM(movsd_load, "movsd xmm0, qword ptr [rdi]")
FORM(movnti, "movnti qword ptr [rdi], rax")
FORM(vmovups_store, "vmovups ymmword ptr [rdi], ymm0\nvzeroupper")
FORM(vmovups_load, "vmovups ymm0, ymmword ptr [rdi]\nvzeroupper")
FORM(vmaskmov_store, "vpcmpeqd xmm1, xmm1, xmm1\nvmaskmovps xmmword ptr [rdi], xmm1, xmm0")
FORM(vmaskmov_load, "vpcmpeqd xmm1, xmm1, xmm1\nvmaskmovps xmm0, xmm1, xmmword ptr [rdi]")
FORM(avx512_store, "vmovdqu64 zmmword ptr [rdi], zmm0\nvzeroupper")
FORM(avx512_load, "vmovdqu64 zmm0, zmmword ptr [rdi]\nvzeroupper")
FORM(fld, "fld qword ptr [rdi]\nfstp st(0)")
FORM(fstp, "fldz\nfstp qword ptr [rdi]")
FORM(fxsave, "fxsave [rdi]")
/* The base of gs is 0 in a program that does not set it. */
FORM(segment_store, "mov qword ptr gs:[rdi], rax")

/* Forms whose preparation must not read the watched word: the comparand follows it by other means. */
static __attribute__((noinline)) void form_cmpxchg_ok(void) {
    static uint64_t expected;
    if (expected == 0) expected = (uint64_t)(uintptr_t)callee;
    uint64_t comparand = expected;
    const uint64_t next = expected + 1;
    __asm__ volatile("lock cmpxchgq %2, (%1)"
                     : "+a"(comparand)
                     : "D"(forms_word), "r"(next)
                     : "cc", "memory");
    expected = next;
}
static __attribute__((noinline)) void form_cmpxchg8b(void) {
    __asm__ volatile("lock cmpxchg8b (%0)"
                     :
                     : "D"(forms_word), "a"(1), "d"(2), "b"(3), "c"(4)
                     : "cc", "memory");
}
static __attribute__((noinline)) void form_cmpxchg16b(void) {
    uint64_t a = 1, d = 2;
    __asm__ volatile("lock cmpxchg16b (%2)"
                     : "+a"(a), "+d"(d)
                     : "D"(forms_word), "b"(3), "c"(4)
                     : "cc", "memory");
}

#define R(name, traps, mnemonic) {#name, "read", traps, mnemonic, ANY, form_##name}
#define W(name, traps, mnemonic) {#name, "write", traps, mnemonic, ANY, form_##name}
#define RW(name, access, traps, mnemonic, need) {#name, access, traps, mnemonic, need, form_##name}

const struct form forms[] = {
    W(mov_store_8, 1, "mov qword ptr [rdi], rax"),
    W(mov_store_4, 1, "mov dword ptr"),
    W(mov_store_2, 1, "mov word ptr"),
    W(mov_store_1, 1, "mov byte ptr"),
    R(mov_load_8, 1, "mov rax, qword ptr [rdi]"),
    R(mov_load_4, 1, "mov eax, dword ptr"),
    R(mov_load_2, 1, "mov ax, word ptr"),
    R(mov_load_1, 1, "mov al, byte ptr"),
    W(mov_imm, 1, "mov qword ptr [rdi], 0x7"),
    W(mov_rip_store, 1, "mov qword ptr [0x"),
    R(mov_rip_load, 1, "mov rax, qword ptr [0x"),
    R(mov_own_base, 1, "mov rdi, qword ptr [rdi]"),
    W(mov_indexed, 1, "[rdx+rcx*4]"),
    R(movzx, 1, "movzx"),
    R(movsx, 1, "movsx"),
    R(cmp, 1, "cmp"),
    R(test, 1, "test"),
    W(add, 1, "add"),
    W(sub, 1, "sub"),
    W(inc, 1, "inc"),
    W(dec, 1, "dec"),
    W(neg, 1, "neg"),
    W(not, 1, "not"),
    W(and, 1, "and"),
    W(or, 1, "or"),
    W(xchg, 1, "xchg"),
    W(xadd, 1, "lock xadd"),
    W(lock_add, 1, "lock add"),
    W(cmpxchg_ok, 1, "lock cmpxchg"),
    W(cmpxchg_fails, 1, "lock cmpxchg"),
    W(cmpxchg8b, 1, "lock cmpxchg8b"),
    W(cmpxchg16b, 1, "lock cmpxchg16b"),
    R(bt, 1, "bt"),
    W(bts, 1, "bts"),
    W(lock_bts_far, 1, "lock bts"),
    W(btr, 1, "btr"),
    W(rep_stosb, 8, "rep stosb"),
    W(rep_stosq, 1, "rep stosq"),
    W(stosb, 1, "stosb"),
    W(stosb_down, 1, "stosb"),
    W(rep_movsb_to, 8, "rep movsb"),
    R(rep_movsb_from, 8, "rep movsb"),
    W(rep_movsq_to, 1, "rep movsq"),
    R(rep_movsq_from, 1, "rep movsq"),
    W(movsq_to, 1, "movsq"),
    R(movsq_from, 1, "movsq"),
    R(cmpsb, 1, "cmpsb"),
    R(scasb, 1, "scasb"),
    R(lodsb, 1, "lodsb"),
    R(push_memory, 1, "push qword ptr"),
    W(pop_memory, 1, "pop qword ptr"),
    W(push_watched, 1, "push rax"),
    R(pop_watched, 1, "pop rax"),
    R(call_memory, 1, "call qword ptr [rdi]"),
    W(call_watched, 1, "call"),
    W(behind_branch, 1, "mov qword ptr"),
    W(branch_target, 1, "mov qword ptr"),
    W(movups_store, 1, "movups"),
    R(movups_load, 1, "movups"),
    W(movaps_store, 1, "movaps"),
    R(movaps_load, 1, "movaps"),
    W(movntps, 1, "movntps"),
    W(movdqu_store, 1, "movdqu"),
    R(movdqu_load, 1, "movdqu"),
    W(movss_store, 1, "movss"),
    R(movss_load, 1, "movss"),
    W(movsd_store, 1, "movsd"),
    R(movsd_load, 1, "movsd"),
    W(movnti, 1, "movnti"),
    RW(vmovups_store, "write", 1, "vmovups", NEEDS_AVX),
    RW(vmovups_load, "read", 1, "vmovups", NEEDS_AVX),
    RW(vmaskmov_store, "write", 1, "vmaskmovps", NEEDS_AVX),
    RW(vmaskmov_load, "read", 1, "vmaskmovps", NEEDS_AVX),
    RW(avx512_store, "write", 1, "vmovdqu64", NEEDS_AVX512),
    RW(avx512_load, "read", 1, "vmovdqu64", NEEDS_AVX512),
    R(fld, 1, "fld"),
    W(fstp, 1, "fstp"),
    W(fxsave, 1, "fxsave"),
    W(segment_store, 1, "mov qword ptr gs:[rdi]"),
};
const unsigned forms_count = sizeof forms / sizeof forms[0];

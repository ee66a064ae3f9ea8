#include "loader/verifier_rules.h"

#include <array>

namespace stakeout {
namespace {

struct Rule {
    std::string_view sign; // a piece of the verifier's sentence, as Linux 6.1 to 6.18 say it
    std::string_view what;
    std::string_view instead;
};

// The first that matches counts: the special ones stand before the general ones.
constexpr auto rules = std::to_array<Rule>({
    {"map_value_or_null", "a pointer that came out of a map is used before it was compared with NULL",
     "ask first: if (!p) return drop;"},
    {"_or_null", "a pointer that may be NULL is used before it was compared with NULL",
     "ask first: if (!p) return drop;"},
    {"infinite loop detected", "this loop does not end, as far as the verifier can see",
     "count: for (int i = 0; i < 100; i++), with a limit that is a number; bpf_loop() for many turns"},
    {"back-edge", "this loop has no limit that the verifier can see", "count: for (int i = 0; i < 100; i++)"},
    {"BPF program is too large", "a loop has too many turns, or there are too many ways through the script",
     "a smaller limit, or bpf_loop(), whose body is looked at once"},
    {"jumps is too complex", "there are too many ways through the script",
     "a smaller loop, or bpf_loop(), whose body is looked at once"},
    {"too many states", "there are too many ways through the script", "a smaller loop, or bpf_loop()"},
    {"helper call might sleep",
     "this function may sleep, and nobody sleeps in a debug exception or a softirq",
     "do it in on_task(f), with snapshot_user_waiting(), where the kernel has it"},
    {"might sleep", "this function may sleep, and nobody sleeps in a debug exception or a softirq",
     "do it in on_task(f)"},
    {"tracing progs cannot use bpf_spin_lock",
     "spin locks are not allowed in a debug exception: the interrupted code may hold it",
     "__sync_fetch_and_add() on a global, or per_cpu() state"},
    {"tracing progs cannot use bpf_timer", "timers are not allowed in a debug exception",
     "defer(h, microseconds) and on_followup(f)"},
    {"cannot use bpf_", "this kind of map cannot be used in a debug exception",
     "per_cpu(), per_key(), or plain globals"},
    {"failed to resolve CO-RE relocation", "this kernel's types do not have what is read here",
     "ask first: if (bpf_core_field_exists(x->field)) ..."},
    {"invalid func", "this kernel has no such function for scripts", "see the functions in stakeout.h"},
    {"call stack of", "a function calls itself, or functions call each other too deep",
     "write a loop with a limit"},
    {"unknown func", "this kernel does not let a script of this kind call that function",
     "see the functions in stakeout.h"},
    {"program of this type cannot use helper", "a script cannot call that function here",
     "see the functions in stakeout.h"},
    {"calling kernel function", "this kernel does not let a script of this kind call that function",
     "see the functions in stakeout.h"},
    {"failed to find the address for kernel symbol", "this kernel does not have that symbol",
     "current_task() and typed fields need no symbols"},
    {"failed to find kernel BTF type ID", "this kernel does not have that symbol, or hides it",
     "current_task() and typed fields need no symbols"},
    {"!read_ok",
     "a variable or the answer is used before it was given a value on some way through the script",
     "give it a value where it is declared; every way must end with return"},
    {"invalid indirect read from stack", "memory that was not filled in is handed to a function",
     "fill it: struct x value = {};"},
    {"invalid read from stack", "a local variable is read where it was not filled in",
     "fill it: struct x value = {};"},
    {"invalid unbounded variable-offset", "a local array is indexed by a number without a limit",
     "check it: if (i >= 16) return drop;"},
    {"invalid variable-offset", "a local array is indexed by a number without a limit",
     "check it: if (i >= 16) return drop;"},
    {"invalid write to stack", "a local array is written beyond its end",
     "check the index: if (i >= 16) return drop;"},
    {"variable stack access", "a local array is indexed by a number without a limit",
     "check it: if (i >= 16) return drop;"},
    {"invalid access to map value", "memory of a map, a global or the fields is touched beyond its end",
     "check the index: if (i >= 16) return drop;"},
    {"outside of the allowed memory range", "an index or a length has no limit that the verifier can see",
     "check it: if (i >= 16) return drop; or i & 15"},
    {"unbounded memory access", "an index or a length has no limit that the verifier can see",
     "check it: if (i >= 16) return drop; or if (bytes > 256) bytes = 256;"},
    {"unbounded min value", "a number without a limit is added to a pointer",
     "check it: if (i >= 16) return drop; or i & 15"},
    {"min value is negative", "a number that may be negative is used as a length or an index",
     "use an unsigned type, or check it: if (i < 0) return drop;"},
    {"R2 unbounded", "a length has no limit that the verifier can see",
     "check it: if (bytes > 256) bytes = 256;"},
    {"invalid zero-sized read", "the length may be 0", "check it: if (!bytes) return drop;"},
    {"makes pkt pointer", "a number without a limit is added to a pointer",
     "check it: if (i >= 16) return drop;"},
    {"pointer be out of bounds", "a number without a limit is added to a pointer",
     "check it: if (i >= 16) return drop;"},
    {"cannot write into", "something constant is written: a param() or function() stays as it is",
     "keep what changes in a global"},
    {"write into map forbidden", "something constant is written: a param() or function() stays as it is",
     "keep what changes in a global"},
    {"only read is supported", "kernel memory is written: a script may only look",
     "keep what changes in a global or in fields()"},
    {"access beyond struct", "a kernel object is read beyond its end",
     "BPF_CORE_READ(), with the object's own type"},
    {"invalid mem access 'scalar'", "a number is used as a pointer: kernel memory cannot be read like that",
     "BPF_CORE_READ((struct x *)p, field), or bpf_probe_read_kernel()"},
    {"invalid mem access 'inv'", "a number is used as a pointer: kernel memory cannot be read like that",
     "BPF_CORE_READ((struct x *)p, field), or bpf_probe_read_kernel()"},
    {"invalid mem access", "memory is touched through a pointer that the verifier cannot vouch for",
     "BPF_CORE_READ((struct x *)p, field), or bpf_probe_read_kernel()"},
    {"invalid bpf_context access", "the raw context is read in a way that is not allowed",
     "the hit's facts are in h: h->old, h->regs"},
    {"dereference of modified ctx", "the raw context is read in a way that is not allowed",
     "the hit's facts are in h: h->old, h->regs"},
    {"pointer += pointer prohibited", "two pointers are added", "subtract them, or add a number"},
    {"pointer arithmetic", "this arithmetic is not allowed with a pointer",
     "compute with (u64)pointer, and read with bpf_probe_read_kernel()"},
    {"div by zero", "a division by zero", "check the divisor: if (!n) return drop;"},
    {"combined stack size", "the local variables of functions that call each other take more than 512 bytes",
     "keep large things in per_cpu() state"},
    {"stack depth", "the local variables take more than 512 bytes", "keep large things in per_cpu() state"},
    {"Unreleased reference", "something that was taken is not given back on every way out",
     "release it before each return"},
    {"At program exit", "the script answers with a number that is not allowed",
     "return keep, drop or undecided"},
    {"At callback return", "a bpf_loop() callback answers something else than 0 or 1",
     "return 0 to go on, 1 to end"},
    {"recursive call", "a function calls itself", "write a loop with a limit"},
    {"unreachable insn", "part of the script can never be reached", "take it out"},
    {"expected=", "a function is called with an argument of the wrong kind",
     "see the function's description"},
});

} // namespace

RuleInWords rule_in_words(std::string_view sentence, std::string_view call) {
    for (const Rule& rule : rules) {
        if (sentence.find(rule.sign) == std::string_view::npos) continue;
        std::string what(rule.what);
        if (!call.empty() && rule.what.find("function") != std::string_view::npos)
            what += " (" + std::string(call) + ")";
        return {std::move(what), std::string(rule.instead)};
    }
    return {};
}

} // namespace stakeout

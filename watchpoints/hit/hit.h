// One trapped access, ready to be shown: plain data, the same for kernel, process and guest hits.
//
// Addresses and instruction pointers are virtual addresses of the address space the access was made in. What
// could not be known is absent (empty string, std::nullopt), never guessed.
#pragma once

#include "watchpoints/target/build_id.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

enum class Access { Read, Write, Execute, Unknown };

struct Frame {
    std::uint64_t ip = 0;     // return address, or the instruction pointer itself in the first frame
    std::string symbol;       // empty: none known
    std::uint64_t offset = 0; // ip - start of symbol
    std::string module;       // kernel module, or path of the mapped file; empty for the kernel itself
    std::string file;         // source file, where debug information is at hand
    int line = 0;             // 0: unknown
    // For looking the frame up again, elsewhere. Of a process's mapped file: the address in the file's own
    // numbering (0: not known), and which file it is.
    std::uint64_t image_address = 0;
    BuildId build_id = {}; // NOLINT(readability-redundant-member-init): GCC misses it in {...}
    // Who symbolises numbers what it tells: frames with the same number, if it is not 0, are the same, and
    // need not be compared. Whoever changes a frame makes it 0.
    std::uint64_t told_as = 0;
    bool operator==(const Frame& other) const { // in all that they tell
        return (told_as != 0 && told_as == other.told_as) || tells_the_same(other);
    }

  private:
    [[nodiscard]] bool tells_the_same(const Frame& other) const;
};

// A number for Frame::told_as that no frame has had.
std::uint64_t next_telling();

// Code bytes as they were in memory, around an instruction pointer.
struct CodeBytes {
    static constexpr std::size_t most = 64;
    std::uint64_t start = 0;                // address of the first byte
    std::uint32_t size = 0;                 // 0: could not be read
    std::array<std::uint8_t, most> bytes{}; // `size` of them are valid, the others are zero
    bool operator==(const CodeBytes&) const = default;
};

struct Instruction {
    std::uint64_t address = 0; // where the instruction that made the access begins
    std::string text;          // "mov qword ptr [rdi+0x10], rax"
    CodeBytes code = {};
    bool operator==(const Instruction&) const = default;
};

// A target's memory as an unsigned little-endian number of `width` bytes; wider than eight bytes it is still
// one number, most significant byte first in its text.
struct Value {
    std::vector<std::uint8_t> bytes;       // little endian, as in memory
    [[nodiscard]] std::string hex() const; // "0x2a"; no leading zeros
    bool operator==(const Value&) const = default;
};

// Another target of the same watch that the same instruction touched: a store that straddles two of them.
struct AlsoTouched {
    std::string target;
    std::optional<Value> old_value;
    std::optional<Value> new_value;
};

// One of the extra typed values that a script adds (`struct fields`).
struct ScriptField {
    enum class Kind { Unsigned, Signed, Bool, Address, Text } kind = Kind::Unsigned;
    std::string name;
    std::uint64_t number = 0; // Signed: its bits
    std::string text;         // Text; an enum's name
};

// Memory that a script copied into the record.
struct Snapshot {
    std::uint64_t address = 0;
    bool failed = false; // it could not be read
    std::vector<std::uint8_t> bytes;
};

struct ScriptSays {
    std::vector<ScriptField> fields;
    std::vector<Snapshot> snapshots;
    std::uint32_t refused = 0; // snapshots that did not fit
};

// A second look at a hit: in softirq, or in the context of its task.
struct Look {
    enum class Where { Softirq, Task } where = Where::Softirq;
    std::uint64_t hit = 0;     // its number
    std::uint64_t time_ns = 0; // CLOCK_MONOTONIC
    std::uint64_t due_ns = 0;  // when it was asked for
    std::uint32_t cpu = 0;
    std::uint32_t tid = 0;        // the task that was running
    bool hit_was_dropped = false; // the hit itself is not shown
    bool kept = true;             // the script's verdict
    ScriptSays says;
};

// What only a hit in a Xen guest has. What a backend cannot know is absent here, and `pid`, `tid`, `comm`,
// `cpu` and `ip` of such a hit mean nothing where the flags say so.
struct GuestPart {
    std::uint32_t domain = 0;
    std::string domain_name; // empty: it has none
    std::string backend;     // "mem-access"
    std::optional<std::uint32_t> vcpu;
    std::optional<std::uint64_t> physical, linear; // where the access began, as the guest numbers and maps it
    bool task_known = false, ip_known = false, mode_known = false;
    bool values_read_later = false; // the frame was read after the access, when others may have written too
    std::string stack_way; // how the stack was found: "frame-pointers", "linked", "scanned"; empty: none
    struct Register {
        std::string name;
        std::uint64_t value = 0;
    };
    std::vector<Register> registers; // empty: not known
    bool registers_before = false;   // they, and ip, are those before the instruction ran
};

struct Hit {
    std::uint64_t seq = 0;
    std::uint64_t time_ns = 0; // CLOCK_MONOTONIC
    std::uint32_t cpu = 0;
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    std::string comm;
    Access access = Access::Unknown;
    std::size_t target_index = 0;
    std::string target;        // as the user named it
    std::uint64_t address = 0; // of the watchpoint that trapped
    std::uint32_t width = 0;   // bytes of the target
    std::optional<Value> old_value;
    std::optional<Value> new_value;
    std::uint64_t ip = 0; // as the CPU reported it: after the access, for all but REP forms
    std::optional<Instruction> instruction;
    bool user_mode = false;
    bool unordered = false;  // old and new may not chain with the neighbours (bpf/record.h, SO_UNORDERED)
    std::uint32_t traps = 1; // debug exceptions that make up this hit
    std::vector<AlsoTouched> also;
    std::vector<Frame> kernel_stack; // innermost first
    std::vector<Frame> user_stack;
    std::optional<ScriptSays> says; // of the script's on_hit
    bool extra_lost = false;        // what on_hit added did not fit into the ring
    std::vector<Look> looks;        // those that came in time to be shown with their hit
    bool deferred = false;          // a follow-up was asked for
    bool undecided = false;         // and was to decide whether this hit is shown
    bool look_missed = false;       // it was asked for, and there was no room for it
    std::optional<GuestPart> guest; // only of a hit in a Xen guest; `cpu`s are vCPUs there
};

} // namespace stakeout

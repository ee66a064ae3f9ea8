#include "scripts/deadlock/user_unwinder.h"

#include "scripts/deadlock/user_waits.h"

#include <elfutils/libdwfl.h>
#include <sys/reg.h>

#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace stakeout {
namespace {

constexpr std::size_t most_frames = 64;
constexpr std::size_t register_words = 21; // struct pt_regs of x86-64; sys/reg.h names them
using Registers = std::array<std::uint64_t, register_words>;

struct CloseDwfl {
    void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
};

// What the callbacks know of the thread being unwound.
struct Thread {
    int pid = 0;
    pid_t tid = 0;
    Registers registers{};
    std::span<const Snapshot> captured; // memory as it was; empty: as it is now
};

// DWARF's numbers of the x86-64 registers, 0 to 16, as indices of pt_regs.
constexpr std::array<int, 17> dwarf_order{RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8,
                                          R9,  R10, R11, R12, R13, R14, R15, RIP};

std::optional<std::uint64_t> word_in(std::span<const Snapshot> snapshots, std::uint64_t address) {
    for (const Snapshot& snapshot : snapshots) {
        if (snapshot.failed || address < snapshot.address || snapshot.bytes.size() < 8 ||
            address - snapshot.address > snapshot.bytes.size() - 8)
            continue;
        std::uint64_t word = 0;
        std::memcpy(&word, snapshot.bytes.data() + (address - snapshot.address),
                    sizeof(word)); // NOLINT(*-pointer-arithmetic)
        return word;
    }
    return std::nullopt;
}

// The names of struct fields in deadlock.bpf.c.
std::optional<Registers> registers_in(const ScriptSays& captured, std::uint64_t ip) {
    static constexpr std::array<std::pair<std::string_view, int>, 16> names{{{"ax", RAX},
                                                                             {"bx", RBX},
                                                                             {"cx", RCX},
                                                                             {"dx", RDX},
                                                                             {"si", RSI},
                                                                             {"di", RDI},
                                                                             {"bp", RBP},
                                                                             {"sp", RSP},
                                                                             {"r8", R8},
                                                                             {"r9", R9},
                                                                             {"r10", R10},
                                                                             {"r11", R11},
                                                                             {"r12", R12},
                                                                             {"r13", R13},
                                                                             {"r14", R14},
                                                                             {"r15", R15}}};
    Registers registers{};
    std::size_t found = 0;
    for (const ScriptField& field : captured.fields)
        for (const auto& [name, index] : names)
            if (field.name == name) {
                registers[static_cast<std::size_t>(index)] = field.number;
                ++found;
            }
    registers[RIP] = ip;
    if (found != names.size() || registers[RSP] == 0 || captured.snapshots.empty()) return std::nullopt;
    return registers;
}

bool read_memory(Dwfl* /*dwfl*/, Dwarf_Addr address, Dwarf_Word* result, void* argument) {
    const auto* thread = static_cast<const Thread*>(argument);
    const auto word = thread->captured.empty() ? read_process_word(thread->pid, address, 8)
                                               : word_in(thread->captured, address);
    if (word) *result = *word;
    return word.has_value();
}

pid_t next_thread(Dwfl* /*dwfl*/, void* argument, void** thread_argument) {
    if (*thread_argument != nullptr) return 0;
    *thread_argument = argument;
    return static_cast<const Thread*>(argument)->tid;
}

bool get_thread(Dwfl* /*dwfl*/, pid_t /*tid*/, void* argument, void** thread_argument) {
    *thread_argument = argument;
    return true;
}

bool set_registers(Dwfl_Thread* thread, void* argument) {
    const auto& registers = static_cast<const Thread*>(argument)->registers;
    std::array<Dwarf_Word, dwarf_order.size()> words{};
    for (std::size_t i = 0; i < words.size(); ++i)
        words[i] = registers[static_cast<std::size_t>(dwarf_order[i])];
    return dwfl_thread_state_registers(thread, 0, words.size(), words.data());
}

int add_frame(Dwfl_Frame* frame, void* argument) {
    auto& frames = *static_cast<std::vector<std::uint64_t>*>(argument);
    Dwarf_Addr pc = 0;
    if (!dwfl_frame_pc(frame, &pc, nullptr) || pc == 0 || frames.size() >= most_frames) return DWARF_CB_ABORT;
    frames.push_back(pc);
    return DWARF_CB_OK;
}

// Call frame information is in the files themselves (.eh_frame): no separate debug files, and none over a
// network.
int no_debug_file(Dwfl_Module* /*module*/, void** /*data*/, const char* /*name*/, Dwarf_Addr /*base*/,
                  const char* /*file*/, const char* /*link*/, GElf_Word /*crc*/, char** /*found*/) {
    return -1;
}

constexpr Dwfl_Callbacks file_callbacks{dwfl_linux_proc_find_elf, no_debug_file, nullptr, nullptr};
constexpr Dwfl_Thread_Callbacks thread_callbacks{next_thread,   get_thread, read_memory,
                                                 set_registers, nullptr,    nullptr};

// The chain of frame pointers, for what libdwfl could not follow.
std::vector<std::uint64_t> by_frame_pointers(const Thread& thread) {
    std::vector<std::uint64_t> frames{thread.registers[RIP]};
    std::uint64_t frame = thread.registers[RBP];
    while (frames.size() < most_frames && frame % 8 == 0 && frame >= thread.registers[RSP]) {
        const auto next = read_process_word(thread.pid, frame, 8);
        const auto back = read_process_word(thread.pid, frame + 8, 8);
        if (!next || !back || *back == 0) break;
        frames.push_back(*back);
        if (*next <= frame) break;
        frame = *next;
    }
    return frames;
}

} // namespace

struct UserUnwinder::State {
    const KernelPeek& peek;
    const KernelLayout& layout;
    Thread thread; // at a fixed address: the callbacks point to it
    std::map<std::uint32_t, std::unique_ptr<Dwfl, CloseDwfl>> processes;

    State(const KernelPeek& memory, const KernelLayout& known) : peek(memory), layout(known) {}

    // At the top of the stack, below the padding that kernels with FRED leave (TOP_OF_KERNEL_STACK_PADDING,
    // Linux 6.9).
    [[nodiscard]] std::optional<Registers> registers_of(const so_task& task, const SleepingCall& call) const {
        if (layout.registers_size != register_words * 8) return std::nullopt;
        for (const std::uint64_t padding : {0U, 16U}) {
            const std::uint64_t at = task.stack + kernel_stack_bytes - padding - register_words * 8;
            std::array<std::uint8_t, register_words * 8> bytes{};
            if (!peek.read(at, bytes)) return std::nullopt;
            Registers registers{};
            std::memcpy(registers.data(), bytes.data(), bytes.size());
            if (registers[RIP] == call.pc && registers[RSP] == call.sp) return registers;
        }
        return std::nullopt;
    }

    Dwfl* process(std::uint32_t pid) {
        if (const auto known = processes.find(pid); known != processes.end()) return known->second.get();
        std::unique_ptr<Dwfl, CloseDwfl> dwfl(dwfl_begin(&file_callbacks));
        if (dwfl) {
            dwfl_report_begin(dwfl.get());
            const bool reported = dwfl_linux_proc_report(dwfl.get(), static_cast<pid_t>(pid)) == 0 &&
                                  dwfl_report_end(dwfl.get(), nullptr, nullptr) == 0;
            if (!reported ||
                !dwfl_attach_state(dwfl.get(), nullptr, static_cast<pid_t>(pid), &thread_callbacks, &thread))
                dwfl.reset();
        }
        return processes.emplace(pid, std::move(dwfl)).first->second.get();
    }
};

UserUnwinder::UserUnwinder(const KernelPeek& peek, const KernelLayout& layout)
    : state_(std::make_unique<State>(peek, layout)) {}
UserUnwinder::~UserUnwinder() = default;

std::vector<std::uint64_t> UserUnwinder::unwind(const so_task& task) {
    const auto call = sleeping_call(task.tid);
    if (!call || task.mm == 0) return {};
    const auto registers = state_->registers_of(task, *call);
    if (!registers) return {call->pc};
    state_->thread = {static_cast<int>(task.tgid), static_cast<pid_t>(task.tid), *registers, {}};
    std::vector<std::uint64_t> frames;
    if (Dwfl* dwfl = state_->process(task.tgid); dwfl != nullptr)
        dwfl_getthread_frames(dwfl, state_->thread.tid, add_frame, &frames);
    const auto after = sleeping_call(task.tid);
    if (!after || after->pc != call->pc || after->sp != call->sp) return {};
    return frames.size() > 1 ? frames : by_frame_pointers(state_->thread);
}

void UserUnwinder::notice_new_libraries() { state_->processes.clear(); }

std::vector<std::uint64_t> UserUnwinder::unwind(std::uint32_t pid, std::uint32_t tid, std::uint64_t ip,
                                                const ScriptSays& captured) {
    const auto registers = registers_in(captured, ip);
    if (!registers) return {};
    state_->thread = {static_cast<int>(pid), static_cast<pid_t>(tid), *registers, captured.snapshots};
    std::vector<std::uint64_t> frames;
    if (Dwfl* dwfl = state_->process(pid); dwfl != nullptr)
        dwfl_getthread_frames(dwfl, state_->thread.tid, add_frame, &frames);
    state_->thread.captured = {};
    return frames;
}

} // namespace stakeout

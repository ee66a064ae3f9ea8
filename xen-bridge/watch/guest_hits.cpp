#include "xen-bridge/watch/guest_hits.h"

#include "watchpoints/hit/disassembler.h"
#include "xen-bridge/guest/guest_stack.h"
#include "xen-bridge/guest/guest_task.h"

#include <array>

namespace stakeout {
namespace {

constexpr std::uint64_t longest_sweep = 1 << 16;

std::string_view to_word(StackWay way) {
    switch (way) {
    case StackWay::FramePointers:
        return "frame-pointers";
    case StackWay::Linked:
        return "linked";
    case StackWay::Scanned:
        return "scanned";
    case StackWay::None:
        break;
    }
    return "";
}

std::vector<GuestPart::Register> registers_of(const GuestRegisters& r) {
    return {{"rip", r.rip}, {"rsp", r.rsp}, {"rbp", r.rbp}, {"rax", r.rax}, {"rbx", r.rbx}, {"rcx", r.rcx},
            {"rdx", r.rdx}, {"rsi", r.rsi}, {"rdi", r.rdi}, {"r8", r.r8},   {"r9", r.r9},   {"r10", r.r10},
            {"r11", r.r11}, {"r12", r.r12}, {"r13", r.r13}, {"r14", r.r14}, {"r15", r.r15}, {"cr3", r.cr3}};
}

bool touches_memory(const Decoded& decoded) {
    for (const ZydisDecodedOperand& operand : decoded.operands())
        if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.type == ZYDIS_MEMOP_TYPE_MEM)
            return true;
    return false;
}

} // namespace

std::uint32_t GuestHits::width_of(const GuestAccess& access) const {
    if (resolution_.pieces.empty() || !access.new_value) return resolution_.place.size;
    return static_cast<std::uint32_t>(access.new_value->bytes.size());
}

Hit GuestHits::build(const GuestAccess& access) {
    Hit hit;
    hit.time_ns = access.time_ns;
    hit.access = access.access;
    hit.target = resolution_.place.name;
    hit.width = access.access == Access::Execute ? 0 : width_of(access);
    hit.old_value = access.old_value;
    hit.new_value = access.new_value;
    hit.unordered = access.unordered;
    GuestPart& guest = hit.guest.emplace();
    guest.domain = view_.domain().id;
    guest.domain_name = view_.domain().name;
    guest.backend = backend_;
    guest.vcpu = access.vcpu;
    hit.cpu = access.vcpu.value_or(0);
    guest.physical = access.physical ? access.physical : resolution_.place.physical;
    guest.linear = access.linear;
    guest.values_read_later = access.value_way == ValueWay::ReadLater;
    hit.address = guest.physical.value_or(resolution_.place.linear.value_or(0));
    add_where(access, hit);
    return hit;
}

void GuestHits::add_where(const GuestAccess& access, Hit& hit) {
    GuestPart& guest = *hit.guest;
    view_.kernel_memory().forget(); // the guest has run since the last hit
    if (access.user_mode) {
        guest.mode_known = true;
        hit.user_mode = *access.user_mode;
    }
    if (access.ip) {
        guest.ip_known = true;
        hit.ip = *access.ip;
        hit.instruction = access.instruction;
        if (!hit.instruction && !access.before && !hit.user_mode)
            hit.instruction = instruction_before(hit.ip);
    }
    if (access.registers) {
        guest.registers = registers_of(*access.registers);
        guest.registers_before = access.before;
        add_moment(access, hit);
    } else if (access.ip && view_.kernel() != nullptr && !hit.user_mode) {
        hit.kernel_stack.push_back(guest_frame(view_.kernel()->symbols(), hit.ip, true));
    }
}

// Task and stack are those of the moment, or absent: the guest has gone on since.
void GuestHits::add_moment(const GuestAccess& access, Hit& hit) {
    const GuestRegisters& registers = *access.registers;
    const Frame innermost{registers.rip, {}, 0, {}, {}, 0};
    const GuestKernel* kernel = view_.kernel();
    const bool shows_stack = stacks_ && hit.guest->mode_known;
    if (hit.user_mode && shows_stack) hit.user_stack.push_back(innermost);
    if (kernel == nullptr && !hit.user_mode && shows_stack) hit.kernel_stack.push_back(innermost);
    if (kernel == nullptr || !hit.guest->mode_known) return;
    if (!access.captured) {
        if (!hit.user_mode && stacks_)
            hit.kernel_stack.push_back(guest_frame(kernel->symbols(), registers.rip, false));
        return;
    }
    CapturedFrames frames(view_.frames(), access.captured);
    GuestMemory memory(frames, view_.kernel_memory().tables());
    const auto is_captured = [&](std::uint64_t address) {
        const auto page = memory.page(address);
        return page && frames.has(page->frame);
    };
    std::optional<GuestTask> task;
    const std::uint64_t gs_base = kernel_gs_base(registers);
    if (kernel->tasks() && is_captured(gs_base + kernel->tasks()->current_task))
        task = current_task(memory, *kernel->tasks(), gs_base);
    if (task) {
        hit.guest->task_known = true;
        hit.pid = task->pid;
        hit.tid = task->tid;
        hit.comm = task->comm;
    }
    if (stacks_ && !hit.user_mode) add_stack(registers, task, memory, is_captured(registers.rsp), hit);
}

void GuestHits::add_stack(const GuestRegisters& registers, const std::optional<GuestTask>& task,
                          GuestMemory& memory, bool is_captured, Hit& hit) {
    const KernelSymbols& symbols = view_.kernel()->symbols();
    if (!is_captured) {
        hit.kernel_stack.push_back(guest_frame(symbols, registers.rip, false));
        return;
    }
    StackQuestion question;
    question.ip = registers.rip;
    question.sp = registers.rsp;
    question.bp = registers.rbp;
    if (task) question.stack_base = task->stack;
    GuestStack stack = kernel_stack(memory, symbols, question);
    hit.kernel_stack = std::move(stack.frames);
    hit.guest->stack_way = to_word(stack.way);
}

std::optional<Instruction> GuestHits::instruction_before(std::uint64_t ip) {
    if (view_.kernel() == nullptr) return std::nullopt;
    const auto symbol = view_.kernel()->symbols().containing(ip - 1);
    if (!symbol || ip - symbol->address > longest_sweep) return std::nullopt;
    auto disassembler = Disassembler::get();
    if (!disassembler) return std::nullopt;
    std::uint64_t at = symbol->address;
    while (at < ip) {
        std::array<std::uint8_t, max_instruction_bytes> code{};
        const std::size_t got = view_.kernel_memory().read(at, code);
        const std::size_t length = (*disassembler)->length(std::span(code).first(got));
        if (length == 0) return std::nullopt;
        if (at + length == ip) {
            const auto decoded = (*disassembler)->decode(at, std::span(code).first(got));
            if (!decoded || !touches_memory(*decoded)) return std::nullopt;
            return Instruction{at, (*disassembler)->text(*decoded)};
        }
        at += length;
    }
    return std::nullopt;
}

} // namespace stakeout

#include "scripts/deadlock/kernel_waits.h"

#include "scripts/deadlock/lock_functions.h"

#include <array>
#include <cstring>

namespace stakeout {
namespace {

constexpr std::size_t most_waiters = 256;
constexpr std::uint64_t kernel_half =
    0xff00'0000'0000'0000; // with five levels of page tables; with four it is less

// A list_head: next, prev.
struct Links {
    std::uint64_t next = 0, prev = 0;
};

std::optional<Links> links_at(std::uint64_t address, const KernelPeek& peek) {
    Links links;
    if (address < kernel_half || !peek.read_word(address, links.next) ||
        !peek.read_word(address + 8, links.prev) || links.next < kernel_half || links.prev < kernel_half)
        return std::nullopt;
    return links;
}

std::uint64_t word_at(std::uint64_t address, const KernelPeek& peek) {
    std::uint64_t word = 0;
    return peek.read_word(address, word) ? word : 0;
}

bool wants_to_read(const KernelLayout::Waiters& waiters, std::uint64_t waiter, const KernelPeek& peek) {
    return waiters.type && (word_at(waiter + *waiters.type, peek) & 0xffffffffU) != 0;
}

bool hangs_together(std::uint64_t list, const Links& links, const KernelPeek& peek) {
    const auto next = links_at(links.next, peek);
    const auto prev = links_at(links.prev, peek);
    return next && prev && next->prev == list && prev->next == list;
}

// The list's head is the one element that lies on nobody's stack.
std::uint64_t head_of(std::uint64_t list, const TaskTable& tasks, const KernelPeek& peek) {
    std::uint64_t at = list;
    for (std::size_t i = 0; i < most_waiters; ++i) {
        const auto links = links_at(at, peek);
        if (!links) return 0;
        at = links->next;
        if (!tasks.on_a_stack(at)) return at;
        if (at == list) return 0;
    }
    return 0;
}

std::optional<KernelWait> waiter_on_stack(const so_task& task, LockKind kind,
                                          const KernelLayout::Waiters& waiters, const TaskTable& tasks,
                                          const KernelPeek& peek) {
    std::vector<std::uint8_t> stack(kernel_stack_bytes);
    if (task.stack == 0 || !peek.read(task.stack, stack)) return std::nullopt;
    for (std::size_t at = 0; at + 8 <= stack.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, stack.data() + at, sizeof(word)); // NOLINT(*-pointer-arithmetic)
        if (word != task.task || at < waiters.task) continue;
        const std::uint64_t waiter = task.stack + at - waiters.task;
        const std::uint64_t list = waiter + waiters.list;
        const auto links = links_at(list, peek);
        // An earlier call's waiter may still lie there; its links lead nowhere.
        if (!links || links->next == list || !hangs_together(list, *links, peek)) continue;
        const std::uint64_t head = head_of(list, tasks, peek);
        if (head == 0) continue;
        return KernelWait{kind, head - waiters.wait_list, wants_to_read(waiters, waiter, peek)};
    }
    return std::nullopt;
}

// /proc/PID/stack leaves out the functions that sleep for locks (in_sched_functions()): the return addresses
// themselves are looked at, from where the task left off.
std::optional<LockKind> kind_on_stack(const so_task& task, const KernelPeek& peek, const KernelLayout& layout,
                                      const SymbolAt& symbol_at) {
    if (!layout.task_sp) return std::nullopt;
    const std::uint64_t sp = word_at(task.task + *layout.task_sp, peek);
    if (sp < task.stack || sp >= task.stack + kernel_stack_bytes) return std::nullopt;
    constexpr std::uint64_t most_bytes = 1024; // the scheduler's frames and the lock's
    for (std::uint64_t at = sp & ~7ULL; at < sp + most_bytes && at < task.stack + kernel_stack_bytes;
         at += 8) {
        const std::uint64_t word = word_at(at, peek);
        constexpr std::uint64_t text_and_modules = 0xffff'ffff'8000'0000;
        if (word < text_and_modules) continue;
        if (const auto kind = sleeps_for(symbol_at(word))) return kind;
    }
    return std::nullopt;
}

} // namespace

std::vector<KernelWaiter> waiters_of(LockKind kind, std::uint64_t lock, const KernelPeek& peek,
                                     const KernelLayout& layout) {
    std::vector<KernelWaiter> found;
    const auto& waiters = layout.of(kind);
    if (!waiters) return found;
    const std::uint64_t head = lock + waiters->wait_list;
    std::uint64_t at = head;
    while (found.size() < most_waiters) {
        const auto links = links_at(at, peek);
        if (!links || links->next == head) break;
        const auto next = links_at(links->next, peek);
        if (!next || next->prev != at) break;
        at = links->next;
        const std::uint64_t waiter = at - waiters->list;
        found.push_back({word_at(waiter + waiters->task, peek), wants_to_read(*waiters, waiter, peek)});
    }
    return found;
}

std::optional<KernelWait> kernel_wait_of(const so_task& task, const TaskTable& tasks, const KernelPeek& peek,
                                         const KernelLayout& layout, const SymbolAt& symbol_at) {
    if (layout.blocked_on)
        if (const std::uint64_t lock = word_at(task.task + *layout.blocked_on, peek); lock >= kernel_half)
            return KernelWait{LockKind::Mutex, lock, false};
    const auto kind = kind_on_stack(task, peek, layout, symbol_at);
    if (!kind) return std::nullopt;
    const auto& waiters = layout.of(*kind);
    return waiters ? waiter_on_stack(task, *kind, *waiters, tasks, peek) : std::nullopt;
}

} // namespace stakeout

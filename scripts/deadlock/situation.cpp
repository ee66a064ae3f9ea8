#include "scripts/deadlock/situation.h"

#include "base/monotonic_clock.h"
#include "base/text_file.h"
#include "scripts/deadlock/inspection.h"
#include "scripts/deadlock/kernel_waits.h"
#include "scripts/deadlock/user_waits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace stakeout {

const LockNow* Situation::waited_for_by(std::uint32_t tid) const {
    for (const LockNow& lock : locks)
        for (const Waiter& waiter : lock.waiters)
            if (waiter.tid == tid) return &lock;
    return nullptr;
}

const LockNow* Situation::at(std::uint64_t lock_address) const {
    for (const LockNow& lock : locks)
        if (lock.lock.address == lock_address) return &lock;
    return nullptr;
}

Observer::Observer(const KernelPeek& peek, const KernelLayout& layout, std::optional<int> pid)
    : peek_(peek), layout_(layout), pid_(pid), unwinder_(peek, layout) {}

std::uint64_t Observer::field(const Lock& lock, std::uint64_t offset, std::uint32_t width) const {
    if (!is_kernel_kind(lock.kind))
        return read_process_word(pid_.value_or(0), lock.address + offset, width).value_or(0);
    std::array<std::uint8_t, 8> bytes{};
    if (!peek_.read(lock.address + offset, std::span(bytes).first(width))) return 0;
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof(number));
    return number;
}

std::optional<std::uint64_t> Observer::word_of(const Lock& lock) const {
    if (!is_kernel_kind(lock.kind))
        return read_process_word(pid_.value_or(0), lock.word_address, lock.word_width);
    std::array<std::uint8_t, 8> bytes{};
    if (!peek_.read(lock.word_address, std::span(bytes).first(lock.word_width))) return std::nullopt;
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof(number));
    return number;
}

bool Observer::may_have_waiters(const Lock& lock) const {
    switch (lock.kind) {
    case LockKind::PthreadMutex:
    case LockKind::StdMutex:
        return field(lock, 0, 4) >
               1; // __lock: 0 free, 1 held, else held and waited for (a robust or PI one: flags)
    case LockKind::PthreadRwlock:
    case LockKind::Futex:
    case LockKind::Semaphore:
        return true; // only a look tells
    default:
        break;
    }
    const auto word = word_of(lock);
    return word && decode(lock.kind, *word).contended;
}

TaskName Observer::read_task(std::uint64_t task) const {
    TaskName name;
    if (!layout_.task_pid || !layout_.task_tgid || !layout_.task_comm) return name;
    std::uint64_t tid = 0, pid = 0;
    std::array<std::uint8_t, 16> comm{};
    if (!peek_.read_word(task + *layout_.task_pid, tid) || !peek_.read_word(task + *layout_.task_tgid, pid) ||
        !peek_.read(task + *layout_.task_comm, comm))
        return name;
    name.tid = static_cast<std::uint32_t>(tid);
    name.pid = static_cast<std::uint32_t>(pid);
    for (const std::uint8_t c : comm) {
        if (c == 0) break;
        name.comm += static_cast<char>(c);
    }
    return name;
}

TaskName Observer::name_owner(LockKind kind, std::uint64_t owner, std::uint32_t expected_tid) {
    if (!is_kernel_kind(kind)) {
        const auto tid = static_cast<std::uint32_t>(owner);
        if (tid == expected_tid) return {tid, static_cast<std::uint32_t>(pid_.value_or(0)), {}};
        auto comm = read_text_file(fmt::format("/proc/{}/comm", tid));
        while (comm && comm->ends_with('\n')) comm->pop_back();
        return {tid, static_cast<std::uint32_t>(pid_.value_or(0)), comm ? *comm : "?"};
    }
    // Addresses are used again: what was read before holds only as long as it agrees with the hit's task.
    const auto known = owners_.find(owner);
    if (known != owners_.end() && known->second.tid == expected_tid) return known->second;
    constexpr std::size_t most_kept = 4096;
    if (owners_.size() >= most_kept) owners_.clear();
    return owners_.insert_or_assign(owner, read_task(owner)).first->second;
}

// What was captured gives the innermost frames for certain; from the first one on that both know, the rest is
// as the frame pointers had it.
void Observer::complete(Holding& holding) {
    if (!holding.captured || holding.user_stack.empty()) return;
    const std::vector<std::uint64_t> ips = unwinder_.unwind(holding.task.pid, holding.task.tid,
                                                            holding.user_stack.front().ip, *holding.captured);
    holding.captured.reset();
    std::vector<Frame> frames;
    for (std::size_t i = 0; i < ips.size(); ++i) {
        const auto known = std::find_if(holding.user_stack.begin(), holding.user_stack.end(),
                                        [&](const Frame& frame) { return frame.ip == ips[i]; });
        if (i > 1 && known != holding.user_stack.end()) {
            frames.insert(frames.end(), known, holding.user_stack.end());
            holding.user_stack = std::move(frames);
            return;
        }
        frames.push_back(symboliser_.user_frame(holding.task.pid, ips[i], i > 0));
    }
    if (frames.size() > 1) holding.user_stack = std::move(frames);
}

Result<Situation> Observer::look(const std::deque<LockHistory>& histories, bool stacks) {
    auto tasks = TaskTable::read();
    if (!tasks) return std::move(tasks).error();
    Inspection look(InspectionContext{peek_, layout_, pid_, *tasks, symboliser_, unwinder_, *this}, stacks);
    return look.run(histories);
}

} // namespace stakeout

#include "scripts/deadlock/kernel_layout.h"

#include <array>
#include <string>

namespace stakeout {
namespace {

std::optional<TypedPlace> field(const KernelTypes& types, std::string_view type, std::string_view name) {
    const auto id = types.find(type);
    if (!id) return std::nullopt;
    const std::array<PathStep, 1> path{PathStep{PathStep::Kind::Member, std::string(name), 0}};
    auto place = types.walk(0, *id, false, path, nullptr);
    if (!place) return std::nullopt;
    return std::move(*place);
}

std::optional<std::uint64_t> offset(const KernelTypes& types, std::string_view type, std::string_view name) {
    const auto place = field(types, type, name);
    if (!place) return std::nullopt;
    return place->address;
}

std::uint64_t size_of(const KernelTypes& types, std::string_view type) {
    const auto id = types.find(type);
    if (!id) return 0;
    const auto place = types.walk(0, *id, false, {}, nullptr);
    return place ? place->size : 0;
}

std::optional<KernelLayout::Waiters> waiters(const KernelTypes& types, std::string_view lock,
                                             std::string_view waiter) {
    const auto wait_list = field(types, lock, "wait_list");
    const auto list = offset(types, waiter, "list");
    const auto task = offset(types, waiter, "task");
    // A list_head is two pointers.
    if (!wait_list || wait_list->size != 16 || !list || !task) return std::nullopt;
    return KernelLayout::Waiters{size_of(types, lock), wait_list->address, *list, *task,
                                 offset(types, waiter, "type")};
}

} // namespace

const std::optional<KernelLayout::Waiters>& KernelLayout::of(LockKind kind) const {
    static const std::optional<Waiters> none;
    switch (kind) {
    case LockKind::Mutex:
        return mutex;
    case LockKind::Rwsem:
        return rwsem;
    case LockKind::Semaphore:
        return semaphore;
    default:
        return none;
    }
}

Result<KernelLayout> load_kernel_layout() {
    auto loaded = KernelTypes::load();
    if (!loaded) return std::move(loaded).error();
    const KernelTypes& types = **loaded;
    KernelLayout layout;
    layout.mutex = waiters(types, "struct mutex", "struct mutex_waiter");
    layout.rwsem = waiters(types, "struct rw_semaphore", "struct rwsem_waiter");
    layout.semaphore = waiters(types, "struct semaphore", "struct semaphore_waiter");
    layout.mutex_owner = offset(types, "struct mutex", "owner");
    layout.rwsem_count = offset(types, "struct rw_semaphore", "count");
    layout.rwsem_owner = offset(types, "struct rw_semaphore", "owner");
    layout.semaphore_lock = offset(types, "struct semaphore", "lock");
    layout.semaphore_count = offset(types, "struct semaphore", "count");
    layout.task_pid = offset(types, "struct task_struct", "pid");
    layout.task_tgid = offset(types, "struct task_struct", "tgid");
    layout.task_comm = offset(types, "struct task_struct", "comm");
    const auto thread = offset(types, "struct task_struct", "thread");
    const auto sp = offset(types, "struct thread_struct", "sp");
    if (thread && sp) layout.task_sp = *thread + *sp;
    layout.blocked_on = offset(types, "struct task_struct", "blocked_on");
    const std::string_view registers = "struct pt_regs";
    if (const std::uint64_t size = size_of(types, registers); size != 0) layout.registers_size = size;
    return layout;
}

} // namespace stakeout

#include "scripts/deadlock/user_waits.h"

#include "scripts/deadlock/lock_functions.h"
#include "watchpoints/target/elf_image.h"
#include "watchpoints/target/process_maps.h"

#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace stakeout {

std::optional<FutexWait> futex_wait_in(const SleepingCall& call) {
    if (call.number != SYS_futex) return std::nullopt;
    const std::uint64_t operation = call.arguments[1] & static_cast<std::uint64_t>(FUTEX_CMD_MASK);
    constexpr std::uint64_t lock_pi2 = 13; // FUTEX_LOCK_PI2, Linux 5.14
    if (operation != FUTEX_WAIT && operation != FUTEX_WAIT_BITSET && operation != FUTEX_LOCK_PI &&
        operation != lock_pi2)
        return std::nullopt;
    return FutexWait{call.arguments[0], call.arguments[3] != 0};
}

bool read_process(int pid, std::uint64_t address, std::span<std::uint8_t> into) {
    iovec here{into.data(), into.size()};
    // NOLINTNEXTLINE(*-reinterpret-cast,*-no-int-to-ptr): an address of the other process
    iovec there{reinterpret_cast<void*>(address), into.size()};
    return ::process_vm_readv(pid, &here, 1, &there, 1, 0) == static_cast<ssize_t>(into.size());
}

std::optional<std::uint64_t> read_process_word(int pid, std::uint64_t address, std::uint32_t width) {
    std::array<std::uint8_t, 8> bytes{};
    if (width > bytes.size() || !read_process(pid, address, std::span(bytes).first(width)))
        return std::nullopt;
    std::uint64_t number = 0;
    for (std::size_t i = width; i-- > 0;) number = number << 8U | bytes[i];
    return number;
}

// A condition variable's futex, and a join's, are no locks: nobody owns them. That the word eight bytes on is
// the id of a thread of this process, and the futex itself says "locked", is not the case for those.
std::optional<Lock> lock_behind(const FutexWait& wait, int pid) {
    const auto locked = read_process_word(pid, wait.address, 4);
    const auto owner = read_process_word(pid, wait.address + 8, 4);
    if (!locked || !owner || *locked == 0 || *owner == 0) return std::nullopt;
    const auto thread = read_process_word(pid, wait.address + 4, 4); // __count: 0, or a recursive one's depth
    if (!thread || *thread > 1'000) return std::nullopt;
    if (::access(fmt::format("/proc/{}/task/{}", pid, *owner).c_str(), F_OK) != 0) return std::nullopt;
    Lock lock;
    lock.name = name_of_variable(pid, wait.address);
    lock.kind = LockKind::PthreadMutex;
    lock.address = wait.address;
    lock.size = 40;
    lock.word_address = wait.address + 8;
    lock.word_width = 4;
    lock.given = false;
    return lock;
}

bool wants_to_read(const Lock& lock, std::span<const Frame> user_stack) {
    return lock.kind == LockKind::PthreadRwlock && call_in(user_stack) == LockCall::Shared;
}

std::string name_of_variable(int pid, std::uint64_t address) {
    std::string number = fmt::format("{:#x}", address);
    const auto maps = ProcessMaps::read(pid);
    const Mapping* at = maps ? maps->containing(address) : nullptr;
    if (at == nullptr) return number;
    // .bss lies in an anonymous mapping behind the file's last one.
    const Mapping* file = nullptr;
    for (const Mapping& mapping : maps->all())
        if (mapping.start <= at->start && mapping.path.starts_with('/')) file = &mapping;
    if (file == nullptr || (at != file && at->start != file->end)) return number;
    const auto first = std::find_if(maps->all().begin(), maps->all().end(),
                                    [&](const Mapping& mapping) { return mapping.path == file->path; });
    const auto image = ElfImage::open(fmt::format("/proc/{}/root{}", pid, file->path));
    if (!image) return number;
    const auto linked = (*image)->address_of_offset(first->offset);
    if (!linked) return number;
    const auto symbol = (*image)->containing(address - (first->start - *linked));
    if (!symbol || !symbol->is_data) return number;
    const std::uint64_t offset = address - (first->start - *linked) - symbol->address;
    return offset == 0 ? symbol->name : fmt::format("{}+{:#x}", symbol->name, offset);
}

} // namespace stakeout

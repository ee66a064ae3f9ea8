#include "watchpoints/arm/seed.h"

#include <sys/uio.h>

#include <bit>

namespace stakeout {

std::optional<Value> read_value(const Target& target, std::uint32_t cpu, const KernelPeek* kernel,
                                const std::optional<WatchedProcess>& process) {
    Value value;
    value.bytes.resize(target.size);
    const std::uint64_t address = target.address_on(cpu);
    if (!process) {
        if (kernel == nullptr || !kernel->read(address, value.bytes)) return std::nullopt;
        return value;
    }
    const iovec here{value.bytes.data(), value.bytes.size()};
    const iovec there{std::bit_cast<void*>(address), value.bytes.size()};
    const ssize_t got = ::process_vm_readv(process->pid, &here, 1, &there, 1, 0);
    if (got != static_cast<ssize_t>(value.bytes.size())) return std::nullopt;
    return value;
}

} // namespace stakeout

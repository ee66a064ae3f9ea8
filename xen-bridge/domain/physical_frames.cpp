#include "xen-bridge/domain/physical_frames.h"

#include "xen-bridge/domain/xen_api.h"
#include "xen-bridge/guest/guest_memory.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace stakeout {
namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t entry_bytes = 8;
constexpr std::uint64_t piece_bytes = 2 << 20; // Xen's table is mapped in superpages
// An entry whose topmost bits are set is no frame of the guest: not there, foreign, or mapped one to one.
constexpr std::uint64_t not_ordinary = 3ULL << 62;

template <class T>
T at(std::span<const std::uint8_t> bytes, std::size_t offset) {
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

} // namespace

Result<std::uint64_t> PhysicalFrames::machine_frame(std::uint64_t physical_frame) {
    if (domain_.kind == DomainKind::Pv) return by_guest_table(physical_frame);
    if (frames_.frame(physical_frame).empty())
        return arm_error(fmt::format("find guest-physical address {:#x}", physical_frame * page_bytes),
                         fmt::format("{} has no memory there", domain_.label()),
                         "the guest's /proc/iomem lists what it has");
    return physical_frame;
}

Result<std::uint64_t> PhysicalFrames::by_guest_table(std::uint64_t physical_frame) {
    const std::string tried = fmt::format("find guest-physical address {:#x}", physical_frame * page_bytes);
    const auto shared = frames_.frame(domain_.shared_info_frame);
    if (shared.size() < sizeof(shared_info_t))
        return arm_error(tried, fmt::format("the shared page of {} cannot be mapped", domain_.label()));
    const auto arch = at<arch_shared_info_t>(shared, offsetof(shared_info_t, arch));
    if (arch.p2m_cr3 == 0 || arch.p2m_vaddr == 0)
        return arm_error(
            tried,
            fmt::format("the kernel of {} does not tell its physical-to-machine table", domain_.label()),
            "wait until it has booted; or give a kernel symbol or a linear address");
    if (physical_frame >= arch.max_pfn)
        return arm_error(tried, fmt::format("{} has only {} pages", domain_.label(), arch.max_pfn));
    GuestMemory tables(frames_, PageTables{xen_cr3_to_pfn(arch.p2m_cr3), 4});
    const auto machine = tables.read<std::uint64_t>(arch.p2m_vaddr + entry_bytes * physical_frame);
    if (!machine) return arm_error(tried, "the guest's physical-to-machine table cannot be read there");
    if ((*machine & not_ordinary) != 0 || frames_.frame(*machine).empty())
        return arm_error(tried, fmt::format("{} has no memory there (a hole, or given back by its balloon)",
                                            domain_.label()));
    return *machine;
}

std::optional<std::uint64_t> PhysicalFrames::physical_frame(std::uint64_t machine_frame) {
    if (domain_.kind != DomainKind::Pv) return machine_frame;
    const auto physical = by_xen_table(machine_frame);
    if (!physical) return std::nullopt;
    // The entry may be stale, or another domain's: the guest's own table must agree.
    auto back = by_guest_table(*physical);
    return back && *back == machine_frame ? physical : std::nullopt;
}

std::optional<std::uint64_t> PhysicalFrames::by_xen_table(std::uint64_t machine_frame) {
    if (xen_table_.empty()) {
        unsigned long last = 0;
        if (xc_maximum_ram_page(xen_.control(), &last) != 0) return std::nullopt;
        // Exactly as many as there are, or libxenctrl calls it an error.
        const std::size_t pieces = (last * entry_bytes + piece_bytes - 1) / piece_bytes;
        std::vector<xen_pfn_t> starts(pieces, 0);
        if (xc_machphys_mfn_list(xen_.control(), pieces, starts.data()) != 0) return std::nullopt;
        xen_table_.assign(starts.begin(), starts.end());
    }
    const std::uint64_t offset = machine_frame * entry_bytes;
    if (offset / piece_bytes >= xen_table_.size() || xen_table_[offset / piece_bytes] == 0)
        return std::nullopt;
    const std::uint64_t frame = xen_table_[offset / piece_bytes] + offset % piece_bytes / page_bytes;
    const auto mapped = ForeignFrame::map(xen_, DOMID_XEN, frame);
    if (!mapped) return std::nullopt;
    const auto physical = at<std::uint64_t>(mapped->bytes(), offset % page_bytes);
    return (physical & not_ordinary) == 0 ? std::optional(physical) : std::nullopt;
}

} // namespace stakeout

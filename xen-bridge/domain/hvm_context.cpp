#include "xen-bridge/domain/hvm_context.h"
#include "xen-bridge/domain/xen_api.h"

#include <fmt/format.h>
#include <x86intrin.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

namespace stakeout {
namespace {

constexpr int most_tries = 20;
constexpr std::uint64_t margin_ns = 200'000; // from the last look at the clock until Xen takes the state

using Bytes = std::vector<std::uint8_t>;

Error refused(const Domain& domain, std::uint32_t vcpu, std::string_view what, int number) {
    return arm_error(fmt::format("write the debug registers of vCPU {} of {}", vcpu, domain.label()),
                     std::string(what), "use --backend page-diff", number);
}

template <class Record>
void edit(std::span<std::uint8_t> body, const auto& change) {
    if (body.size() < sizeof(Record)) return;
    Record record{};
    std::memcpy(&record, body.data(), sizeof record);
    change(record);
    std::memcpy(body.data(), &record, sizeof record);
}

// Xen's saved state, its records one after another: header, vCPUs and their extended state are kept, the
// devices' are left out and stay as they are.
class Stream {
  public:
    static bool wanted(std::uint16_t code) {
        return code == HVM_SAVE_CODE(HEADER) || code == HVM_SAVE_CODE(CPU) || code == CPU_XSAVE_CODE ||
               code == HVM_SAVE_CODE(END);
    }

    // False: it is not such a stream.
    static bool filter(const Bytes& all, Bytes& kept, const auto& each_cpu) {
        for (std::size_t at = 0; at + sizeof(hvm_save_descriptor) <= all.size();) {
            hvm_save_descriptor what{};
            std::memcpy(&what, all.data() + at, sizeof what);
            const std::size_t size = sizeof what + what.length;
            if (at + size > all.size()) return false;
            if (wanted(what.typecode)) {
                kept.insert(kept.end(), all.begin() + static_cast<std::ptrdiff_t>(at),
                            all.begin() + static_cast<std::ptrdiff_t>(at + size));
                if (what.typecode == HVM_SAVE_CODE(CPU))
                    edit<hvm_hw_cpu>(std::span(kept).last(what.length),
                                     [&](hvm_hw_cpu& cpu) { each_cpu(what.instance, cpu); });
            }
            if (what.typecode == HVM_SAVE_CODE(END)) return true;
            at += size;
        }
        return false;
    }
};

// The guest's time stamp counter goes on while it stands still, but what we write back is as old as our
// reading of it: the time in between is added, a little too much rather than too little, so that the guest
// never sees it go back.
class Clock {
  public:
    Clock(const Hypervisor& xen, const Domain& domain) {
        xc_physinfo_t physical{};
        if (xc_physinfo(xen.control(), &physical) == 0) host_khz_ = physical.cpu_khz;
        std::uint32_t mode = 0, guest_khz = 0, incarnation = 0;
        std::uint64_t elapsed = 0;
        if (xc_domain_get_tsc_info(xen.control(), domain.id, &mode, &elapsed, &guest_khz, &incarnation) ==
                0 &&
            guest_khz != 0 && host_khz_ != 0)
            ratio_ = static_cast<double>(guest_khz) / static_cast<double>(host_khz_);
    }
    [[nodiscard]] std::uint64_t margin() const { return margin_ns * host_khz_ / 1'000'000; }
    [[nodiscard]] std::uint64_t of_guest(std::uint64_t ticks) const {
        return static_cast<std::uint64_t>(static_cast<double>(ticks) * ratio_);
    }
    static std::uint64_t now() { return __rdtsc(); }

  private:
    std::uint64_t host_khz_ = 1'000'000;
    double ratio_ = 1;
};

} // namespace

Status write_hvm_debug_registers(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu,
                                 const DebugRegisters& registers) {
    const Clock clock(xen, domain);
    std::uint64_t behind = 0; // host ticks by which the guest's counter was set back by the try before
    for (int i = 0; i < most_tries; ++i) {
        const std::uint64_t began = Clock::now();
        const int size = xc_domain_hvm_getcontext(xen.control(), domain.id, nullptr, 0);
        if (size <= 0) return refused(domain, vcpu, "Xen does not tell its state", errno);
        Bytes all(static_cast<std::size_t>(size));
        const int got =
            xc_domain_hvm_getcontext(xen.control(), domain.id, all.data(), static_cast<std::uint32_t>(size));
        if (got <= 0) return refused(domain, vcpu, "Xen does not tell its state", errno);
        bool found = false;
        Bytes kept;
        const std::uint64_t taken = Clock::now();
        const bool whole = Stream::filter(all, kept, [&](std::uint16_t instance, hvm_hw_cpu& cpu) {
            cpu.tsc += clock.of_guest(taken - began + clock.margin() + behind);
            if (instance != vcpu) return;
            found = true;
            cpu.dr0 = registers.address[0], cpu.dr1 = registers.address[1];
            cpu.dr2 = registers.address[2], cpu.dr3 = registers.address[3];
            cpu.dr6 = registers.status, cpu.dr7 = registers.control;
        });
        if (!whole) return refused(domain, vcpu, "Xen's saved state is not as known", 0);
        if (!found) return done(); // never brought up: has none
        if (xc_domain_hvm_setcontext(xen.control(), domain.id, kept.data(),
                                     static_cast<std::uint32_t>(kept.size())) != 0)
            return refused(domain, vcpu, "Xen refused its state", errno);
        const std::uint64_t took = Clock::now() - taken;
        if (took <= clock.margin()) return done();
        behind = took - clock.margin(); // we were interrupted just then
    }
    return done(); // the guest's counter is behind by as long as we were interrupted last
}

} // namespace stakeout

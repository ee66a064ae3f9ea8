#include "watchpoints/arm/online_cpus.h"

#include "base/text_file.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstring>

namespace stakeout {
namespace {

bool parse_number(std::string_view text, std::uint32_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

} // namespace

std::vector<std::uint32_t> parse_cpu_list(std::string_view list) {
    constexpr std::uint32_t most_cpus = 8192; // NR_CPUS of the largest x86 configuration
    std::vector<std::uint32_t> cpus;
    while (!list.empty() && (list.back() == '\n' || list.back() == ' ')) list.remove_suffix(1);
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        const std::string_view part = list.substr(0, comma);
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
        const std::size_t dash = part.find('-');
        std::uint32_t first = 0;
        std::uint32_t last = 0;
        if (!parse_number(part.substr(0, dash), first)) continue;
        last = first;
        if (dash != std::string_view::npos && !parse_number(part.substr(dash + 1), last)) continue;
        for (std::uint32_t cpu = first; cpu <= last && cpu < most_cpus; ++cpu) cpus.push_back(cpu);
    }
    return cpus;
}

Result<std::vector<std::uint32_t>> online_cpus() {
    auto text = read_text_file("/sys/devices/system/cpu/online");
    if (!text) return std::move(text).error();
    return parse_cpu_list(*text);
}

CpuNews::CpuNews() {
    OwnedFd socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
    if (!socket) return;
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = 1; // the kernel's own events
    sockaddr generic{};
    static_assert(sizeof(address) <= sizeof(generic));
    std::memcpy(&generic, &address, sizeof(address));
    if (::bind(socket.get(), &generic, sizeof(address)) == 0) socket_ = std::move(socket);
}

bool CpuNews::drain() const {
    bool about_cpu = false;
    std::array<char, 4096> message{};
    for (;;) {
        const ssize_t got = ::recv(socket_.get(), message.data(), message.size(), MSG_DONTWAIT);
        if (got <= 0) return about_cpu;
        const std::string_view text(message.data(), static_cast<std::size_t>(got));
        about_cpu = about_cpu || text.find("/devices/system/cpu/cpu") != std::string_view::npos;
    }
}

} // namespace stakeout

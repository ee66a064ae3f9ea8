#include "xen-bridge/guest/guest_memory.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t max_mapped = 1024; // frames; 4 MiB

} // namespace

std::optional<std::uint64_t> GuestMemory::frame_of(std::uint64_t page) {
    Known& known = known_.at((page / guest_page_bytes) % known_.size());
    if (known.page == page) return known.frame;
    if (mapped_ >= max_mapped) forget();
    mapped_ += 1;
    const WalkEnd end = walk_to_end(page);
    if (!end.mapped()) return std::nullopt;
    known = {page, end.page.frame};
    return known.frame;
}

std::size_t GuestMemory::read(std::uint64_t address, std::span<std::uint8_t> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        const std::uint64_t at = address + done;
        if (done != 0 && at < address) break; // the end of the address space
        const auto frame = frame_of(at & ~(guest_page_bytes - 1));
        if (!frame) break;
        const auto bytes = frames_.frame(*frame);
        if (bytes.size() < guest_page_bytes) break;
        const std::size_t within = at % guest_page_bytes;
        const std::size_t count = std::min<std::size_t>(into.size() - done, guest_page_bytes - within);
        std::memcpy(into.data() + done, bytes.data() + within, count);
        done += count;
    }
    return done;
}

Result<std::string> GuestMemory::read_string(std::uint64_t address, std::size_t limit) {
    const std::string tried = fmt::format("read a text at the guest's address {:#x}", address);
    std::string text(limit, '\0');
    std::size_t length = 0;
    while (length < limit) {
        std::array<std::uint8_t, 64> part{};
        const std::size_t wanted = std::min(part.size(), limit - length);
        const std::size_t got = read(address + length, std::span(part).first(wanted));
        const auto* const end = std::find(part.data(), part.data() + got, 0);
        const auto count = static_cast<std::size_t>(end - part.data());
        std::memcpy(text.data() + length, part.data(), count);
        length += count;
        if (count < got) {
            text.resize(length);
            return text;
        }
        if (got < wanted) return arm_error(tried, "the memory there is not mapped");
    }
    return arm_error(tried, fmt::format("it has no end within {} bytes", limit));
}

Result<GuestPage> GuestMemory::page(std::uint64_t address) { return walk(frames_, tables_, address); }

std::optional<std::uint64_t> GuestMemory::physical(std::uint64_t address) {
    const auto frame = frame_of(address & ~(guest_page_bytes - 1));
    if (!frame) return std::nullopt;
    return *frame * guest_page_bytes + address % guest_page_bytes;
}

CodeReader GuestMemory::reader() {
    return [this](std::uint64_t address, std::span<std::uint8_t> into) { return read(address, into); };
}

void GuestMemory::forget() {
    known_.fill({});
    mapped_ = 0;
    frames_.forget();
}

} // namespace stakeout

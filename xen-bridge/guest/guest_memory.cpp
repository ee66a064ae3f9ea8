#include "xen-bridge/guest/guest_memory.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t max_mapped = 1024; // frames; 4 MiB
constexpr std::size_t batch_pages = 256; // as many as are remembered

} // namespace

std::optional<std::uint64_t> GuestMemory::frame_of(std::uint64_t page, Want want) {
    Known& known = known_.at((page / guest_page_bytes) % known_.size());
    const auto wanted = [&]() -> std::optional<std::uint64_t> {
        if (want == Want::Data && known.executable) return std::nullopt;
        return known.frame;
    };
    if (known.page == page) return wanted();
    if (mapped_ >= max_mapped) forget();
    mapped_ += 1;
    const WalkEnd end = walk_to_end(page);
    if (!end.mapped()) return std::nullopt;
    known = {page, end.page.frame, end.page.executable};
    return wanted();
}

// Translates the pages of a long read ahead, as many as are remembered, and announces their frames.
void GuestMemory::expect(std::uint64_t address, std::size_t size, Want want) {
    std::array<std::uint64_t, batch_pages> numbers{};
    std::size_t count = 0;
    const std::uint64_t first = address & ~(guest_page_bytes - 1);
    const std::uint64_t pages = (address - first + size + guest_page_bytes - 1) / guest_page_bytes;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(pages, numbers.size()); ++i) {
        const auto frame = frame_of(first + i * guest_page_bytes, want);
        if (!frame) break;
        numbers.at(count++) = *frame;
    }
    if (count > 1) frames_.expect(std::span(numbers).first(count));
}

std::size_t GuestMemory::read(std::uint64_t address, std::span<std::uint8_t> into) {
    return read(address, into, Want::Everything);
}

std::size_t GuestMemory::read(std::uint64_t address, std::span<std::uint8_t> into, Want want) {
    std::size_t done = 0, pages = 0;
    while (done < into.size()) {
        const std::uint64_t at = address + done;
        if (done != 0 && at < address) break; // the end of the address space
        if (pages++ % batch_pages == 0 && into.size() - done > guest_page_bytes)
            expect(at, into.size() - done, want);
        const auto frame = frame_of(at & ~(guest_page_bytes - 1), want);
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

CodeReader GuestMemory::data_reader() {
    return [this](std::uint64_t address, std::span<std::uint8_t> into) {
        return read(address, into, Want::Data);
    };
}

void GuestMemory::forget() {
    known_.fill({});
    mapped_ = 0;
    frames_.forget();
}

} // namespace stakeout

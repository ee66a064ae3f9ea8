#include "xen-bridge/records/xentrace.h"

#include <algorithm>
#include <cstring>

namespace stakeout {
namespace {

constexpr std::size_t word_bytes = 4;
constexpr std::uint32_t max_cpu = 4095; // Xen's own limit (CONFIG_NR_CPUS)
constexpr std::uint32_t classes = 0x0fff'f000;

struct Header {
    std::uint32_t event, words;
    bool has_tsc;
    [[nodiscard]] std::size_t bytes() const { return word_bytes * (1 + words + (has_tsc ? 2U : 0U)); }
};

Header header_of(std::uint32_t word) { return {word & 0x0fff'ffff, (word >> 28) & 7, (word >> 31) != 0}; }

} // namespace

std::uint32_t TraceStream::word(std::size_t at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
}

void TraceStream::feed(std::span<const std::uint8_t> bytes) {
    if (at_ > bytes_.size() / 2) {
        bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(at_));
        at_ = 0;
    }
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::optional<TraceRecord> TraceStream::next() {
    for (;;) {
        TraceRecord record;
        switch (take(record)) {
        case Taken::Record:
            return record;
        case Taken::NeedsMore:
            return std::nullopt;
        case Taken::Malformed:
            pass_over();
            if (waiting_bytes() < word_bytes) return std::nullopt;
            break;
        case Taken::Own:
            break;
        }
    }
}

TraceStream::Taken TraceStream::take(TraceRecord& record) {
    if (waiting_bytes() < word_bytes) return Taken::NeedsMore;
    const Header header = header_of(word(at_));
    if ((header.event & classes) == 0) return Taken::Malformed;
    const bool is_change = header.event == trace_cpu_change;
    if (piece_left_ && !is_change && header.bytes() > *piece_left_) return Taken::Malformed;
    if (waiting_bytes() < header.bytes()) return Taken::NeedsMore;

    std::size_t at = at_ + word_bytes;
    if (header.has_tsc) {
        record.tsc = word(at) | static_cast<std::uint64_t>(word(at + word_bytes)) << 32;
        at += 2 * word_bytes;
    }
    record.event = header.event;
    record.words = header.words;
    for (std::uint32_t i = 0; i < header.words; ++i) record.extra.at(i) = word(at + i * word_bytes);
    record.cpu = cpu_;

    if (is_change && !change_cpu(record)) return Taken::Malformed;
    if (piece_left_ && !is_change) *piece_left_ -= header.bytes();
    at_ += header.bytes();
    return is_change || header.event == trace_wrap_buffer ? Taken::Own : Taken::Record;
}

// Extra words: the CPU, and the bytes of its piece (tools/xentrace/xentrace.c, write_buffer()).
bool TraceStream::change_cpu(const TraceRecord& record) {
    const bool inside_a_piece = piece_left_ && *piece_left_ != 0;
    if (inside_a_piece || record.tsc || record.words != 2 || record.extra[0] > max_cpu ||
        record.extra[1] % word_bytes != 0)
        return false;
    cpu_ = record.extra[0];
    piece_left_ = record.extra[1];
    return true;
}

void TraceStream::pass_over() {
    std::uint64_t count = word_bytes;
    if (piece_left_ && *piece_left_ != 0) count = std::min<std::uint64_t>(*piece_left_, waiting_bytes());
    count = std::min<std::uint64_t>(count, waiting_bytes());
    if (piece_left_) *piece_left_ -= std::min(*piece_left_, count);
    at_ += count;
    defects_.bytes += count;
    defects_.records += 1;
}

} // namespace stakeout

#include "watchpoints/hit/reader.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>

namespace stakeout {
namespace {
constexpr std::uint64_t settle_ns =
    20'000'000; // longer than a CPU spends between a number and its place in the ring
}

struct Reader::Ring {
    struct Free {
        void operator()(ring_buffer* mapped) const { ring_buffer__free(mapped); }
    };
    std::unique_ptr<ring_buffer, Free> buffer;

    static int sample(void* context, void* data, std::size_t size) {
        auto* reader = static_cast<Reader*>(context);
        reader->feed(std::span(static_cast<const std::byte*>(data), size));
        // A negative answer stops consuming after this record, which counts as consumed.
        if (reader->budget_ > 0) --reader->budget_;
        return reader->budget_ == 0 ? -EAGAIN : 0;
    }
};

Reader::Reader(bool joins_possible, Consumer consumer)
    : joins_possible_(joins_possible), consumer_(std::move(consumer)) {}
Reader::~Reader() = default;

std::unique_ptr<Reader> Reader::detached(bool joins_possible, Consumer consumer) {
    return std::unique_ptr<Reader>(
        new Reader(joins_possible, std::move(consumer))); // NOLINT(*-owning-memory)
}

Result<std::unique_ptr<Reader>> Reader::open(int ring_fd, bool joins_possible, Consumer consumer) {
    auto reader = detached(joins_possible, std::move(consumer));
    reader->ring_ = std::make_unique<Ring>();
    reader->ring_->buffer.reset(ring_buffer__new(ring_fd, Ring::sample, reader.get(), nullptr));
    if (!reader->ring_->buffer) return arm_error("map the ring buffer", "libbpf could not map it", "", errno);
    return reader;
}

int Reader::poll_fd() const { return ring_ ? ring_buffer__epoll_fd(ring_->buffer.get()) : -1; }

std::size_t Reader::drain(std::uint64_t now_ns, std::size_t most) {
    if (!ring_) return 0;
    budget_ = most;
    const int taken = ring_buffer__consume(ring_->buffer.get());
    const std::size_t count = taken == -EAGAIN ? most : static_cast<std::size_t>(std::max(taken, 0));
    release(now_ns);
    return count;
}

void Reader::feed(std::span<const std::byte> bytes) {
    auto raw = decode_record(bytes);
    if (!raw)
        ++malformed_;
    else if (raw->record.kind == SO_JOINED)
        join(*raw);
    else
        take(std::move(*raw));
}

void Reader::take(RawHit&& raw) {
    const std::uint64_t seq = raw.record.seq;
    std::uint64_t& newest = newest_of_[raw.record.cpu];
    newest = std::max(newest, seq);
    JoinedHit hit;
    hit.raw = std::move(raw);
    if (!joins_possible_ && seq == next_) { // the usual case: nothing to wait for
        ++next_;
        consumer_(std::move(hit));
        return;
    }
    held_.emplace(seq, std::move(hit));
}

void Reader::join(const RawHit& raw) {
    const auto found = held_.find(raw.record.seq);
    if (found == held_.end()) return; // its hit was lost, or handed on long ago
    JoinedHit& hit = found->second;
    ++hit.traps;
    if (raw.record.region == hit.raw.record.region) {
        std::copy(std::begin(raw.record.new_bytes), std::end(raw.record.new_bytes), hit.raw.record.new_bytes);
        hit.raw.record.flags = (hit.raw.record.flags & ~std::uint32_t{SO_NEW_UNREADABLE}) |
                               (raw.record.flags & SO_NEW_UNREADABLE);
    } else {
        hit.other_targets.push_back(raw.record);
    }
}

bool Reader::settled(const JoinedHit& hit, std::uint64_t now_ns) const {
    const so_record& r = hit.raw.record;
    if (now_ns > r.time_ns + settle_ns) return true;
    if (!joins_possible_) return r.seq == next_;
    const auto newest = newest_of_.find(r.cpu);
    return r.seq == next_ && newest != newest_of_.end() && newest->second > r.seq;
}

void Reader::hand_on(std::map<std::uint64_t, JoinedHit>::iterator at) {
    next_ = std::max(next_, at->first + 1);
    auto node = held_.extract(at);
    consumer_(std::move(node.mapped()));
}

void Reader::release(std::uint64_t now_ns) {
    while (!held_.empty() && settled(held_.begin()->second, now_ns)) hand_on(held_.begin());
}

void Reader::flush() {
    while (!held_.empty()) hand_on(held_.begin());
}

} // namespace stakeout

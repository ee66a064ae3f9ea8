#include "watchpoints/hit/reader.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>

namespace stakeout {
namespace {

constexpr std::uint64_t settle_ns =
    20'000'000; // longer than a CPU spends between a number and its place in the ring
constexpr std::uint64_t waits_in_line_ns = 100'000'000; // for a follow-up that is due by then
constexpr std::uint64_t look_grace_ns = 100'000'000;    // how late a follow-up may be
constexpr std::uint64_t undecided_grace_ns = 1'000'000'000;

std::size_t looks_to_come(const JoinedHit& hit) {
    const std::uint32_t flags = hit.raw.record.flags;
    const std::size_t asked =
        ((flags & SO_DEFERRED) != 0 ? 1U : 0U) + ((flags & SO_TASK_ASKED) != 0 ? 1U : 0U);
    return asked - std::min(asked, hit.looks.size());
}

bool is_undecided(const JoinedHit& hit) {
    return (hit.raw.record.flags & SO_UNDECIDED) != 0 && looks_to_come(hit) != 0;
}

bool waits_in_line(const JoinedHit& hit, std::uint64_t looks_until_ns) {
    const so_record& r = hit.raw.record;
    return looks_to_come(hit) != 0 && r.delay_ns <= waits_in_line_ns &&
           looks_until_ns < r.time_ns + r.delay_ns + look_grace_ns;
}

} // namespace

struct Reader::Ring {
    struct Free {
        void operator()(ring_buffer* mapped) const { ring_buffer__free(mapped); }
    };
    std::unique_ptr<ring_buffer, Free> buffer;
    std::unique_ptr<ring_buffer, Free> looks;
    std::unique_ptr<ring_buffer, Free> kicks;

    static int sample(void* context, void* data, std::size_t size) {
        auto* reader = static_cast<Reader*>(context);
        reader->feed(std::span(static_cast<const std::byte*>(data), size));
        // A negative answer stops consuming after this record, which counts as consumed.
        if (reader->budget_ > 0) --reader->budget_;
        return reader->budget_ == 0 ? -EAGAIN : 0;
    }

    struct Taken {
        std::size_t count = 0;
        bool all = true; // nothing was left
    };
    static Taken consume(ring_buffer* ring, Reader& reader, std::size_t most) {
        reader.budget_ = most;
        const int taken = ring_buffer__consume(ring);
        if (taken == -EAGAIN) return {most, false};
        return {static_cast<std::size_t>(std::max(taken, 0)), true};
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

Status Reader::follow(int looks_fd, int kicks_fd, LookConsumer consumer) {
    take_looks(std::move(consumer));
    ring_->looks.reset(ring_buffer__new(looks_fd, Ring::sample, this, nullptr));
    if (!ring_->looks)
        return arm_error("map the follow-ups' ring buffer", "libbpf could not map it", "", errno);
    if (kicks_fd < 0) return done();
    const auto nothing = [](void*, void*, std::size_t) { return 0; };
    ring_->kicks.reset(ring_buffer__new(kicks_fd, nothing, nullptr, nullptr));
    if (!ring_->kicks) return arm_error("map the kicks' ring buffer", "libbpf could not map it", "", errno);
    return done();
}

std::vector<int> Reader::poll_fds() const {
    std::vector<int> fds;
    if (!ring_) return fds;
    fds.push_back(ring_buffer__epoll_fd(ring_->buffer.get()));
    if (ring_->looks) fds.push_back(ring_buffer__epoll_fd(ring_->looks.get()));
    return fds;
}

std::size_t Reader::drain(std::uint64_t now_ns, std::size_t most) {
    if (!ring_) return 0;
    if (ring_->kicks) (void)ring_buffer__consume(ring_->kicks.get());
    const Ring::Taken records = Ring::consume(ring_->buffer.get(), *this, most);
    if (records.all) records_until_ns_ = std::max(records_until_ns_, now_ns);
    Ring::Taken looks;
    if (ring_->looks) looks = Ring::consume(ring_->looks.get(), *this, most);
    if (looks.all) looks_until_ns_ = std::max(looks_until_ns_, now_ns);
    release(now_ns);
    return records.count + looks.count;
}

void Reader::feed(std::span<const std::byte> bytes) {
    const std::uint32_t kind = kind_of_record(bytes);
    if (kind == SO_EXTRA || kind == SO_FOLLOWUP || kind == SO_TASK_LOOK) {
        auto extra = decode_extra(bytes);
        if (!extra)
            ++malformed_;
        else if (kind == SO_EXTRA)
            take_extra(std::move(*extra));
        else
            take_look(std::move(*extra));
        return;
    }
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
    records_until_ns_ = std::max<std::uint64_t>(records_until_ns_, raw.record.time_ns);
    JoinedHit hit;
    hit.raw = std::move(raw);
    if (auto extra = extras_.extract(seq)) hit.extra = std::move(extra.mapped());
    while (auto look = looks_.extract(seq)) hit.looks.push_back(std::move(look.mapped()));
    if (!joins_possible_ && seq == next_ && looks_to_come(hit) == 0) { // the usual case: nothing to wait for
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

void Reader::take_extra(RawExtra&& extra) {
    constexpr std::size_t most_kept = 1024; // those whose hit was lost stay behind
    if (extras_.size() >= most_kept) extras_.erase(extras_.begin());
    extras_.insert_or_assign(extra.seq, std::move(extra));
}

void Reader::take_look(RawExtra&& look) {
    met_stop_ = met_stop_ || look.stops;
    looks_until_ns_ = std::max<std::uint64_t>(looks_until_ns_, look.time_ns);
    if (const auto held = held_.find(look.seq); held != held_.end()) {
        held->second.looks.push_back(std::move(look));
        return;
    }
    if (const auto waiting = undecided_.find(look.seq); waiting != undecided_.end()) {
        waiting->second.looks.push_back(std::move(look));
        auto node = undecided_.extract(waiting);
        consumer_(std::move(node.mapped()));
        return;
    }
    looks_.emplace(look.seq, std::move(look)); // its hit is still in the other ring, or shown, or never was
}

bool Reader::settled(const JoinedHit& hit) const {
    const so_record& r = hit.raw.record;
    if (waits_in_line(hit, looks_until_ns_)) return false;
    if (records_until_ns_ > r.time_ns + settle_ns) return true;
    if (!joins_possible_) return r.seq == next_;
    const auto newest = newest_of_.find(r.cpu);
    return r.seq == next_ && newest != newest_of_.end() && newest->second > r.seq;
}

void Reader::hand_on(Held::iterator at) {
    next_ = std::max(next_, at->first + 1);
    auto node = held_.extract(at);
    consumer_(std::move(node.mapped()));
}

void Reader::release(std::uint64_t now_ns) {
    if (!ring_) records_until_ns_ = looks_until_ns_ = now_ns;
    while (!held_.empty() && settled(held_.begin()->second)) {
        const auto first = held_.begin();
        if (is_undecided(first->second)) {
            next_ = std::max(next_, first->first + 1);
            undecided_.insert(held_.extract(first));
        } else {
            hand_on(first);
        }
    }
    release_undecided(looks_until_ns_);
    release_strays(records_until_ns_);
}

// Its follow-up should have come long ago: the hit is shown without.
void Reader::release_undecided(std::uint64_t looks_until_ns) {
    for (auto at = undecided_.begin(); at != undecided_.end();) {
        const so_record& r = at->second.raw.record;
        const auto next = std::next(at);
        if (looks_until_ns > r.time_ns + r.delay_ns + undecided_grace_ns) {
            auto node = undecided_.extract(at);
            consumer_(std::move(node.mapped()));
        }
        at = next;
    }
}

// Follow-ups of hits that are shown already, or were not to be shown.
void Reader::release_strays(std::uint64_t records_until_ns) {
    for (auto at = looks_.begin(); at != looks_.end();) {
        const auto next = std::next(at);
        if (records_until_ns > at->second.time_ns + settle_ns) {
            auto node = looks_.extract(at);
            if (look_consumer_) look_consumer_(std::move(node.mapped()));
        }
        at = next;
    }
}

bool Reader::waits_for_looks() const {
    const auto waits = [](const auto& entry) { return looks_to_come(entry.second) != 0; };
    return !undecided_.empty() || std::any_of(held_.begin(), held_.end(), waits);
}

void Reader::flush() {
    while (!held_.empty()) hand_on(held_.begin());
    release_undecided(UINT64_MAX);
    release_strays(UINT64_MAX);
}

} // namespace stakeout

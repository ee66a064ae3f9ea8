#include "scripts/deadlock/lock_history.h"

#include "scripts/deadlock/lock_functions.h"

#include <algorithm>
#include <span>
#include <utility>

namespace stakeout {
namespace {

constexpr std::size_t most_contenders = 256;
constexpr std::size_t most_readers_left = 1024;

TaskName task_of(const Hit& hit) { return {hit.tid, hit.pid, hit.comm}; }

std::span<const Frame> stack_of(const Lock& lock, const Hit& hit) {
    return is_kernel_kind(lock.kind) ? std::span<const Frame>(hit.kernel_stack)
                                     : std::span<const Frame>(hit.user_stack);
}

} // namespace

std::uint64_t number_of(const std::optional<Value>& value) {
    std::uint64_t number = 0;
    if (!value) return number;
    for (std::size_t i = std::min<std::size_t>(value->bytes.size(), sizeof(number)); i-- > 0;)
        number = number << 8U | value->bytes[i];
    return number;
}

LockHistory::LockHistory(Lock lock, NameOwner name_owner, std::uint64_t long_ns)
    : lock_(std::move(lock)), name_owner_(std::move(name_owner)), long_ns_(long_ns) {}

Holding LockHistory::at(const Hit& hit) {
    return {task_of(hit), 0,    hit.time_ns,      hit.seq,        true,
            false,        true, hit.kernel_stack, hit.user_stack, hit.says};
}

Holding* LockHistory::holding_of(std::uint32_t tid) {
    const auto found =
        std::find_if(holders_.begin(), holders_.end(), [&](const Holding& h) { return h.task.tid == tid; });
    return found == holders_.end() ? nullptr : &*found;
}

std::uint64_t LockHistory::last_taken_by(std::uint32_t tid) const {
    const auto found = taken_at_.find(tid);
    return std::max(taken_by_unknown_ns_, found == taken_at_.end() ? 0 : found->second);
}

std::vector<Holding> LockHistory::readers_at(std::uint64_t time_ns) const {
    std::vector<Holding> readers;
    for (const auto& [holding, left_ns] : readers_left_)
        if (holding.since_ns <= time_ns && time_ns < left_ns) readers.push_back(holding);
    for (const Holding& holding : holders_)
        if (holding.shared && holding.since_ns <= time_ns) readers.push_back(holding);
    return readers;
}

void LockHistory::begin(std::uint64_t word, std::uint64_t now_ns) {
    const WordState state = decode(lock_.kind, word);
    if (!agrees(state)) correct(state, now_ns);
    if (state.writer_waits) writer_waits_since_ = now_ns;
}

void LockHistory::compare(std::uint64_t word, std::uint64_t now_ns) {
    const WordState state = decode(lock_.kind, word);
    if (agrees(state)) {
        doubted_.reset();
        return;
    }
    if (doubted_ == word) correct(state, now_ns);
    doubted_ = word;
}

bool LockHistory::agrees(const WordState& state) const {
    if (!state.held()) return holders_.empty();
    if (!names_owner(lock_.kind)) return !holders_.empty();
    return !holders_.empty() && holders_.front().owner == state.owner;
}

void LockHistory::correct(const WordState& state, std::uint64_t now_ns) {
    release_all(now_ns);
    if (!state.held()) return;
    if (names_owner(lock_.kind)) {
        const TaskName owner = name_owner_(state.owner, 0);
        holders_.push_back({owner, state.owner, now_ns, 0, false, false, owner.tid != 0, {}, {}, {}});
    } else {
        holders_.push_back({{}, 0, now_ns, 0, false, state.readers != 0, false, {}, {}, {}});
    }
}

void LockHistory::take(const Hit& hit, bool shared) {
    ++acquisitions_;
    taken_at_[hit.tid] = hit.time_ns;
    contenders_.erase(hit.tid);
    if (on_taken) on_taken(hit);
    Holding holding = at(hit);
    holding.shared = shared;
    holders_.push_back(std::move(holding));
}

void LockHistory::end(const Holding& holding, std::uint64_t now_ns) {
    ++releases_;
    if (holding.shared) {
        if (readers_left_.size() >= most_readers_left) readers_left_.pop_front();
        readers_left_.emplace_back(holding, now_ns);
    }
    if (!holding.seen || !holding.certain || holding.shared || long_ns_ == 0) return;
    // A spinlock keeps its CPU from everything else, whether somebody spins for it or not.
    if (contenders_.empty() && lock_.kind != LockKind::Spinlock) return;
    if (now_ns < holding.since_ns + long_ns_ || long_.size() >= most_contenders) return;
    LongHolding over{holding, now_ns, {}};
    for (const auto& [tid, contender] : contenders_) over.waiters.push_back(contender);
    long_.push_back(std::move(over));
}

void LockHistory::release(const Hit& hit, bool shared) {
    const auto same = [&](const Holding& h) { return h.task.tid == hit.tid && h.shared == shared; };
    auto found = std::find_if(holders_.begin(), holders_.end(), same);
    // Not known to hold it: somebody whose acquisition was missed.
    if (found == holders_.end())
        found = std::find_if(holders_.begin(), holders_.end(),
                             [](const Holding& h) { return !h.seen || !h.certain; });
    if (found == holders_.end()) return;
    end(*found, hit.time_ns);
    holders_.erase(found);
}

void LockHistory::release_all(std::uint64_t now_ns) {
    for (const Holding& holding : holders_) end(holding, now_ns);
    holders_.clear();
}

void LockHistory::add(const Hit& hit) {
    if (!hit.old_value || !hit.new_value) return;
    doubted_.reset();
    const std::uint64_t before = number_of(hit.old_value), after = number_of(hit.new_value);
    const WordState was = decode(lock_.kind, before), is = decode(lock_.kind, after);
    const Change change = change_between(lock_.kind, before, after);
    if (is.writer_waits && writer_waits_since_ == 0) writer_waits_since_ = hit.time_ns;
    if (!is.writer_waits) writer_waits_since_ = 0;
    if (!is.writer_waits && !is.writer) claim_.reset();
    if (names_owner(lock_.kind))
        follow_owner(hit, is.owner);
    else if (has_readers(lock_.kind))
        follow_readers(hit, change, is);
    else if (lock_.kind == LockKind::Semaphore)
        follow_semaphore(hit, change);
    else
        follow_write(hit, change);
    note_contention(hit, was, is);
}

// The word says who: what the hits in between were is of no consequence.
void LockHistory::follow_owner(const Hit& hit, std::uint64_t owner) {
    if (owner == 0) {
        release_all(hit.time_ns);
        return;
    }
    const TaskName task = name_owner_(owner, hit.tid);
    if (Holding* holding = holding_of(task.tid); holding != nullptr) {
        // Its own write comes after another CPU's hit that already read its result.
        if (!holding->seen && task.tid == hit.tid && call_in(stack_of(lock_, hit)) != LockCall::Release) {
            holders_.clear();
            take(hit, false);
            holders_.back().owner = owner;
        }
        return;
    }
    release_all(hit.time_ns);
    if (task.tid == hit.tid) {
        take(hit, false);
        holders_.back().owner = owner;
    } else {
        holders_.push_back({task, owner, hit.time_ns, 0, false, false, task.tid != 0, {}, {}, {}});
    }
}

void LockHistory::follow_write(const Hit& hit, Change change) {
    if (change == Change::Taken) {
        holders_.clear();
        take(hit, false);
    } else if (change == Change::Released) {
        release_all(hit.time_ns);
    } else if (Holding* own = holding_of(hit.tid); own != nullptr) {
        const LockCall call = call_in(stack_of(lock_, hit));
        if (call == LockCall::Release) { // and another took it before the value could be read
            release_all(hit.time_ns);
            holders_.push_back({{}, 0, hit.time_ns, 0, false, false, false, {}, {}, {}});
        } else if (call == LockCall::Unknown) {
            own->certain = false; // it wrote again: perhaps that was its release
        }
    }
}

void LockHistory::follow_readers(const Hit& hit, Change change, const WordState& after) {
    const LockCall call = call_in(stack_of(lock_, hit));
    if (after.writer_waits && (!claim_ || call == LockCall::Exclusive) && change == Change::None)
        claim_ = at(hit);
    if (after.writer && claim_ && claim_->task.tid != hit.tid && change != Change::None) {
        take_claimed(hit);
        return;
    }
    switch (change) {
    case Change::Taken:
        holders_.clear();
        take(hit, false);
        if (call == LockCall::Release || call == LockCall::Shared) {
            holders_.back().certain = false;
            taken_by_unknown_ns_ = hit.time_ns;
        }
        break;
    case Change::Released:
        release_all(hit.time_ns);
        break;
    case Change::ReaderIn:
        take(hit, true);
        // Let in by somebody else: a leaving writer wakes the readers and counts them itself.
        if (call != LockCall::Shared)
            holders_.back() = {{}, 0, hit.time_ns, 0, false, true, false, {}, {}, {}};
        break;
    case Change::ReaderOut:
        release(hit, true);
        break;
    case Change::None:
    case Change::Passed:
        break;
    case Change::Unclear:
        if (after.writer) taken_by_unknown_ns_ = hit.time_ns;
        for (Holding& holding : holders_) holding.certain = false;
        if (call == LockCall::Release) release(hit, !after.writer);
        break;
    }
    if (!after.held()) release_all(hit.time_ns);
    if (after.writer) std::erase_if(holders_, [](const Holding& h) { return h.shared; });
    if (after.readers != 0) {
        std::erase_if(holders_, [](const Holding& h) { return !h.shared; });
        // Never more names than there are readers: the ones not seen go first.
        while (holders_.size() > after.readers) {
            auto extra =
                std::find_if(holders_.begin(), holders_.end(), [](const Holding& h) { return !h.seen; });
            holders_.erase(extra != holders_.end() ? extra : holders_.begin());
        }
    }
}

// glibc's writers claim the lock first; the last reader to leave then makes it theirs.
void LockHistory::take_claimed(const Hit& hit) {
    release_all(hit.time_ns);
    ++acquisitions_;
    taken_at_[claim_->task.tid] = hit.time_ns;
    contenders_.erase(claim_->task.tid);
    claim_->since_ns = hit.time_ns;
    holders_.push_back(std::move(*claim_));
    claim_.reset();
}

// up() with somebody waiting leaves the count at zero and passes the semaphore on: seen by its taking the
// inner lock.
void LockHistory::follow_semaphore(const Hit& hit, Change change) {
    const LockCall call = semaphore_call_in(stack_of(lock_, hit));
    if (change == Change::Taken) {
        holders_.clear();
        std::erase(queue_, hit.tid);
        take(hit, false);
    } else if (change == Change::Released) {
        release_all(hit.time_ns);
        passed_on_ = false;
    } else if (call == LockCall::Release) {
        pass_semaphore_on(hit);
    } else if (call == LockCall::Exclusive) {
        queue_for_semaphore(hit);
    }
}

void LockHistory::pass_semaphore_on(const Hit& hit) {
    if (holders_.empty() || passed_on_) return;
    release_all(hit.time_ns);
    holders_.push_back({{}, 0, hit.time_ns, 0, false, false, false, {}, {}, {}});
    passed_on_ = true;
}

// up() wakes those that wait in the order in which they came (kernel/locking/semaphore.c), and each takes the
// inner lock again as it wakes. Who has given up waiting meanwhile is not noticed: it stays the first, and
// the holder unknown.
void LockHistory::queue_for_semaphore(const Hit& hit) {
    if (passed_on_ && !queue_.empty() && queue_.front() == hit.tid) {
        queue_.pop_front();
        holders_.clear();
        take(hit, false);
        passed_on_ = false;
        return;
    }
    const bool waits = std::find(queue_.begin(), queue_.end(), hit.tid) != queue_.end();
    if (!waits && !holders_.empty() && queue_.size() < most_contenders) queue_.push_back(hit.tid);
}

void LockHistory::note_contention(const Hit& hit, const WordState& before, const WordState& after) {
    if (!after.held()) return;
    if (holding_of(hit.tid) != nullptr || contenders_.size() >= most_contenders) return;
    bool says_so = after.contended && (!before.contended || lock_.kind == LockKind::Spinlock);
    const std::span<const Frame> stack = stack_of(lock_, hit);
    // spin_lock() begins with a compare-and-exchange; when that fails, it spins.
    if (lock_.kind == LockKind::Spinlock && before.held())
        says_so = says_so || std::any_of(stack.begin(), stack.end(), [](const Frame& frame) {
                      return frame.symbol.find("spin_lock") != std::string::npos;
                  });
    if (says_so && call_in(stack) != LockCall::Release) contenders_.insert_or_assign(hit.tid, at(hit));
}

} // namespace stakeout

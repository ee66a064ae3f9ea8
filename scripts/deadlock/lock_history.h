// Who holds one lock, as its hits tell it: from the old and the new value of the word, and the task that
// wrote.
//
// The value is read after the trap, so another CPU may have written again before: the word's own owner counts
// for more than the hit's task, and where the word names none, a holder is `certain` only as long as it has
// not written to the word again (only it could have released the lock).
#pragma once

#include "scripts/deadlock/lock.h"
#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace stakeout {

struct Holding {
    TaskName task;
    std::uint64_t owner = 0; // as the word names it; 0: the word does not
    std::uint64_t since_ns = 0;
    std::uint64_t hit = 0; // its number; meaningful if `seen`
    bool seen =
        false; // the acquisition itself; false: held already when the watch was armed, or it was missed
    bool shared = false;
    bool certain = true;
    std::vector<Frame> kernel_stack, user_stack; // where it was taken
    std::optional<ScriptSays> captured; // of a process's lock: what completes user_stack (Observer::complete)
};

// An acquisition that lasted beyond the limit with others waiting (a spinlock: in any case), and is over:
// nobody could look meanwhile (a spinlock with every CPU in it), or nobody had to.
struct LongHolding {
    Holding holding;
    std::uint64_t released_ns = 0;
    std::vector<Holding> waiters; // who marked the word as contended, and from where
};

class LockHistory {
  public:
    // The task an owner in the word stands for; tid 0: it cannot be told.
    using NameOwner = std::function<TaskName(std::uint64_t owner, std::uint32_t expected_tid)>;
    LockHistory(Lock lock, NameOwner name_owner, std::uint64_t long_ns);

    // The word as it was when the watch was armed.
    void begin(std::uint64_t word, std::uint64_t now_ns);
    void add(const Hit& hit);
    // The word as it is now: corrects what missed hits have left wrong, when it says so twice without a hit
    // in between (those of the last milliseconds are still on their way).
    void compare(std::uint64_t word, std::uint64_t now_ns);

    [[nodiscard]] const Lock& lock() const { return lock_; }
    [[nodiscard]] const std::vector<Holding>& holders() const { return holders_; }
    [[nodiscard]] const std::map<std::uint32_t, Holding>& contenders() const { return contenders_; }
    [[nodiscard]] std::uint64_t acquisitions() const { return acquisitions_; }
    [[nodiscard]] std::uint64_t releases() const { return releases_; }
    [[nodiscard]] std::vector<LongHolding> take_long() { return std::exchange(long_, {}); }
    // Since when a pthread_rwlock's writer waits for the readers to leave; 0: none does.
    [[nodiscard]] std::uint64_t writer_waits_since() const { return writer_waits_since_; }
    // The last time that this task got the lock for itself, or that somebody did who was not seen to be
    // another; 0: never.
    [[nodiscard]] std::uint64_t last_taken_by(std::uint32_t tid) const;
    // Who read at that time of the last seconds, as it is known now: hits reach us later than they happen.
    [[nodiscard]] std::vector<Holding> readers_at(std::uint64_t time_ns) const;

    static Holding at(const Hit& hit); // its task and stacks

    // Called at each acquisition that was seen, before the holder is added.
    std::function<void(const Hit& hit)> on_taken;

  private:
    [[nodiscard]] bool agrees(const WordState& state) const;
    void correct(const WordState& state, std::uint64_t now_ns);
    void take(const Hit& hit, bool shared);
    void release(const Hit& hit, bool shared);
    void release_all(std::uint64_t now_ns);
    void follow_owner(const Hit& hit, std::uint64_t owner);
    void follow_write(const Hit& hit, Change change);
    void follow_readers(const Hit& hit, Change change, const WordState& after);
    void take_claimed(const Hit& hit);
    void follow_semaphore(const Hit& hit, Change change);
    void pass_semaphore_on(const Hit& hit);
    void queue_for_semaphore(const Hit& hit);
    void note_contention(const Hit& hit, const WordState& before, const WordState& after);
    Holding* holding_of(std::uint32_t tid);
    void end(const Holding& holding, std::uint64_t now_ns);

    Lock lock_;
    NameOwner name_owner_;
    std::uint64_t long_ns_;
    std::vector<Holding> holders_;
    std::map<std::uint32_t, Holding> contenders_; // tid -> where it said so; not yet holders
    std::map<std::uint32_t, std::uint64_t> taken_at_;
    std::uint64_t taken_by_unknown_ns_ = 0;                      // by one alone; the hit was another's
    std::deque<std::pair<Holding, std::uint64_t>> readers_left_; // with the time of it
    std::vector<LongHolding> long_;
    std::optional<Holding> claim_;    // pthread_rwlock: the writer that waits for the readers to leave
    std::deque<std::uint32_t> queue_; // semaphore: those that wait, as up() wakes them
    bool passed_on_ = false;          // by up(), to the first of them, which has not woken up yet
    std::optional<std::uint64_t>
        doubted_; // the word that compare() found in disagreement; reset by every hit
    std::uint64_t acquisitions_ = 0, releases_ = 0, writer_waits_since_ = 0;
};

std::uint64_t number_of(const std::optional<Value>& value); // little-endian bytes; 0: unknown

} // namespace stakeout

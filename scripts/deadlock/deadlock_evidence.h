// A situation and what was found in it -> sentences and evidence.
#pragma once

#include "scripts/deadlock/trouble.h"
#include "scripts/diagnosis/diagnosis.h"

#include <string>
#include <vector>

namespace stakeout {

// "taken in move_left (bank.c:31)"; "taken before the watch began, at a place not seen".
std::string taken_where(const Lock& lock, const Holding& holding);
// "waits for lock_b", "sleeps in hrtimer_nanosleep, called from save (bank.c:40)", "runs on CPU 1", "has
// ended".
std::string doing_now(const TaskNow& task, const Situation& situation);

std::string sentence_of(const Trouble& trouble, const Situation& situation);
// A task as a culprit. `frame`: where it took the lock; null: not known.
Culprit culprit_of(const Frame* frame, const TaskName& task, std::string why);
std::vector<Culprit> culprits_of(const Trouble& trouble, const Situation& situation);

// Kinds lock, holder and waiter, for every lock that is held or waited for, and order.
std::vector<Evidence> evidence_of(const Situation& situation, const LockOrder& order,
                                  const WaitingSince& waiting_since, Observer& observer);
// A long holding that is over: kind holder, with its waiters under it.
Evidence evidence_of(const Lock& lock, const LongHolding& over);

} // namespace stakeout

// Transitions of each kind of lock's word, who holds as hits tell it, circles in the wait-for graph.
#include "scripts/deadlock/lock_functions.h"
#include "scripts/deadlock/lock_history.h"
#include "scripts/deadlock/task_table.h"
#include "scripts/deadlock/wait_graph.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

constexpr std::uint64_t task_1 = 0xffff888001234500, task_2 = 0xffff888007654300;

TEST(LockKind, MutexFlagsAndHandOffsAreNoAcquisitions) {
    const auto change = [](std::uint64_t a, std::uint64_t b) {
        return change_between(LockKind::Mutex, a, b);
    };
    EXPECT_EQ(change(0, task_1), Change::Taken);
    EXPECT_EQ(change(task_1, task_1), Change::None);             // a failed cmpxchg
    EXPECT_EQ(change(task_1, task_1 | 1), Change::None);         // waiters
    EXPECT_EQ(change(task_1 | 1, task_1 | 3), Change::None);     // hand-off wanted
    EXPECT_EQ(change(task_1 | 3, task_2 | 5), Change::Released); // handed off, to be picked up
    EXPECT_EQ(change(task_2 | 5, task_2 | 1), Change::Taken);    // picked up
    EXPECT_EQ(change(task_1 | 1, 1), Change::Released);
    EXPECT_EQ(change(task_1, task_2), Change::Passed);
}

TEST(LockKind, SpinlockOnlyTheLockedByteCounts) {
    const auto change = [](std::uint64_t a, std::uint64_t b) {
        return change_between(LockKind::Spinlock, a, b);
    };
    EXPECT_EQ(change(0, 1), Change::Taken);
    EXPECT_EQ(change(1, 0x101), Change::None);       // somebody is next
    EXPECT_EQ(change(0x101, 0x40001), Change::None); // somebody queues
    EXPECT_EQ(change(0x100, 1), Change::Taken);
    EXPECT_EQ(change(0x40001, 0x40000), Change::Released);
    EXPECT_EQ(change(0, 3), Change::Taken); // a paravirtual slow path's mark
    EXPECT_TRUE(decode(LockKind::Spinlock, 0x40001).contended);
}

TEST(LockKind, RwsemCountsReadersAndTheWriter) {
    const auto change = [](std::uint64_t a, std::uint64_t b) {
        return change_between(LockKind::Rwsem, a, b);
    };
    EXPECT_EQ(change(0, 1), Change::Taken);
    EXPECT_EQ(change(1, 3), Change::None); // waiters
    EXPECT_EQ(change(3, 2), Change::Released);
    EXPECT_EQ(change(0, 0x100), Change::ReaderIn);
    EXPECT_EQ(change(0x100, 0x202), Change::ReaderIn);
    EXPECT_EQ(change(0x202, 0x102), Change::ReaderOut);
    EXPECT_EQ(change(0x100, 0x400), Change::Unclear);
    EXPECT_EQ(decode(LockKind::Rwsem, 0x302).readers, 3U);
}

TEST(LockKind, PthreadRwlockPhases) {
    const auto change = [](std::uint64_t a, std::uint64_t b) {
        return change_between(LockKind::PthreadRwlock, a, b);
    };
    EXPECT_EQ(change(0, 8), Change::ReaderIn);
    EXPECT_EQ(change(8, 10), Change::None); // a writer claims it and waits
    EXPECT_TRUE(decode(LockKind::PthreadRwlock, 10).writer_waits);
    EXPECT_EQ(change(10, 18), Change::ReaderIn); // readers still come in
    EXPECT_EQ(change(2, 3), Change::Taken);
    EXPECT_EQ(change(3, 11), Change::None); // a reader waits for the writer
    EXPECT_EQ(change(3, 1), Change::Released);
}

TEST(LockKind, SemaphoreAndFutexAndOwners) {
    EXPECT_EQ(change_between(LockKind::Semaphore, 1ULL << 32, 1ULL << 32 | 1),
              Change::None); // the inner lock
    EXPECT_EQ(change_between(LockKind::Semaphore, 1ULL << 32 | 1, 1), Change::Taken);
    EXPECT_EQ(change_between(LockKind::Semaphore, 1, 1ULL << 32 | 1), Change::Released);
    EXPECT_EQ(change_between(LockKind::Futex, 0, 2), Change::Taken);
    EXPECT_EQ(change_between(LockKind::Futex, 1, 2), Change::None);
    EXPECT_EQ(change_between(LockKind::PthreadMutex, 0, 1234), Change::Taken);
    EXPECT_EQ(change_between(LockKind::StdMutex, 1234, 0), Change::Released);
}

TEST(LockKind, TypesAndWords) {
    EXPECT_EQ(lock_kind_of_type("struct rw_semaphore"), LockKind::Rwsem);
    EXPECT_EQ(lock_kind_of_type("std::mutex"), LockKind::StdMutex);
    EXPECT_FALSE(lock_kind_of_type("int"));
    EXPECT_TRUE(parse_lock_kind("futex"));
    const auto wrong = parse_lock_kind("mutexx");
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().remedy.find("pthread_rwlock"), std::string::npos);
}

Value value(std::uint64_t number, std::size_t width) {
    Value made;
    for (std::size_t i = 0; i < width; ++i)
        made.bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
    return made;
}

Hit hit(std::uint64_t seq, std::uint32_t tid, std::uint64_t before, std::uint64_t after,
        const std::string& function, std::size_t width = 4) {
    Hit made;
    made.seq = seq;
    made.time_ns = seq * 1'000'000;
    made.tid = tid;
    made.pid = 1;
    made.comm = "task";
    made.old_value = value(before, width);
    made.new_value = value(after, width);
    Frame frame;
    frame.symbol = function;
    made.user_stack = {frame};
    made.kernel_stack = {frame};
    return made;
}

LockHistory history_of(LockKind kind) {
    Lock lock;
    lock.kind = kind;
    return LockHistory(
        lock,
        [](std::uint64_t owner, std::uint32_t) {
            return TaskName{static_cast<std::uint32_t>(owner), 1, "task"};
        },
        5'000'000);
}

TEST(LockHistory, OwnerIsWhomTheWordNames) {
    LockHistory history = history_of(LockKind::PthreadMutex);
    history.add(hit(1, 10, 0, 10, "pthread_mutex_lock"));
    ASSERT_EQ(history.holders().size(), 1U);
    EXPECT_TRUE(history.holders()[0].seen);
    // Task 10's release is read when task 11 has it already; then task 11's own hit, which changes nothing
    // any more.
    history.add(hit(2, 10, 10, 11, "pthread_mutex_unlock"));
    ASSERT_EQ(history.holders().size(), 1U);
    EXPECT_EQ(history.holders()[0].task.tid, 11U);
    EXPECT_FALSE(history.holders()[0].seen);
    history.add(hit(3, 11, 11, 11, "pthread_mutex_lock"));
    EXPECT_TRUE(history.holders()[0].seen);
    EXPECT_EQ(history.holders()[0].hit, 3U);
    history.add(hit(4, 11, 11, 0, "pthread_mutex_unlock"));
    EXPECT_TRUE(history.holders().empty());
    EXPECT_EQ(history.acquisitions(), 2U);
}

TEST(LockHistory, SpinHolderThatWroteAgainIsNotCertain) {
    LockHistory history = history_of(LockKind::Spinlock);
    history.add(hit(1, 10, 0, 1, "_raw_spin_lock"));
    EXPECT_TRUE(history.holders()[0].certain);
    history.add(hit(2, 11, 1, 0x101, "_raw_spin_lock"));
    EXPECT_TRUE(history.holders()[0].certain);
    EXPECT_TRUE(history.contenders().contains(11));
    history.add(
        hit(3, 10, 0x101, 1, "_raw_spin_unlock")); // released, and taken by 11 before the value was read
    EXPECT_FALSE(history.holders()[0].certain);
}

TEST(LockHistory, LongHoldingWithWaitersIsKept) {
    LockHistory history = history_of(LockKind::Spinlock);
    history.add(hit(1, 10, 0, 1, "_raw_spin_lock"));
    history.add(hit(2, 11, 1, 0x101, "_raw_spin_lock"));
    history.add(hit(20, 10, 0x101, 0x100, "_raw_spin_unlock"));
    const auto over = history.take_long();
    ASSERT_EQ(over.size(), 1U);
    EXPECT_EQ(over[0].holding.task.tid, 10U);
    EXPECT_EQ(over[0].waiters.at(0).task.tid, 11U);
    EXPECT_TRUE(history.take_long().empty());
}

TEST(LockHistory, LongHoldingWithoutWaitersIsNobodysTrouble) {
    LockHistory history = history_of(LockKind::PthreadMutex);
    history.add(hit(1, 10, 0, 10, "pthread_mutex_lock"));
    history.add(hit(20, 10, 10, 0, "pthread_mutex_unlock"));
    EXPECT_TRUE(history.take_long().empty());
    LockHistory spinning = history_of(LockKind::Spinlock); // but it keeps a CPU
    spinning.add(hit(1, 10, 0, 1, "_raw_spin_lock"));
    spinning.add(hit(20, 10, 1, 0, "_raw_spin_unlock"));
    EXPECT_EQ(spinning.take_long().size(), 1U);
}

TEST(LockHistory, ReadersComeAndGo) {
    LockHistory history = history_of(LockKind::Rwsem);
    history.add(hit(1, 10, 0, 0x100, "down_read", 8));
    history.add(hit(2, 11, 0x100, 0x200, "down_read", 8));
    ASSERT_EQ(history.holders().size(), 2U);
    EXPECT_TRUE(history.holders()[0].shared);
    history.add(hit(3, 10, 0x200, 0x100, "up_read", 8));
    ASSERT_EQ(history.holders().size(), 1U);
    EXPECT_EQ(history.holders()[0].task.tid, 11U);
    history.add(hit(4, 11, 0x100, 0, "up_read", 8));
    EXPECT_TRUE(history.holders().empty());
}

TEST(LockHistory, WhoReadAtATimeIsKnownAfterTheyHaveLeft) {
    LockHistory history = history_of(LockKind::Rwsem);
    const Hit first = hit(1, 10, 0, 0x100, "down_read", 8);
    const Hit second = hit(2, 11, 0x100, 0x200, "down_read", 8);
    const Hit leaves = hit(3, 10, 0x200, 0x100, "up_read", 8);
    for (const Hit& one : {first, second, leaves}) history.add(one);
    EXPECT_EQ(history.readers_at(leaves.time_ns - 1).size(), 2U);
    ASSERT_EQ(history.readers_at(leaves.time_ns).size(), 1U);
    EXPECT_EQ(history.readers_at(leaves.time_ns)[0].task.tid, 11U);
    ASSERT_EQ(history.readers_at(first.time_ns).size(), 1U);
    EXPECT_EQ(history.readers_at(first.time_ns)[0].task.tid, 10U);
}

TEST(LockHistory, WhomUpWokeHoldsTheSemaphoreOnceItRuns) {
    LockHistory history = history_of(LockKind::Semaphore);
    history.add(hit(1, 10, 1ULL << 32 | 1, 1, "down", 8));
    history.add(hit(2, 11, 0, 1, "___down_common", 8));
    history.add(hit(3, 12, 0, 1, "___down_common", 8));
    EXPECT_EQ(history.holders().at(0).task.tid, 10U);
    history.add(hit(4, 11, 1, 0, "_raw_spin_unlock_irq", 8));
    EXPECT_EQ(history.holders().at(0).task.tid, 10U); // of the inner lock
    history.add(hit(5, 10, 0, 1, "up", 8));
    EXPECT_EQ(history.holders().at(0).task.tid, 0U);
    history.add(hit(6, 12, 0, 1, "___down_common", 8)); // not its turn
    EXPECT_EQ(history.holders().at(0).task.tid, 0U);
    history.add(hit(7, 11, 0, 1, "___down_common", 8));
    EXPECT_EQ(history.holders().at(0).task.tid, 11U);
    EXPECT_TRUE(history.holders().at(0).certain);
}

TEST(LockHistory, SemaphorePassedOnByUpHasAnUnknownHolder) {
    LockHistory history = history_of(LockKind::Semaphore);
    history.add(hit(1, 10, 1ULL << 32 | 1, 1, "down", 8));
    EXPECT_EQ(history.holders().at(0).task.tid, 10U);
    history.add(hit(2, 10, 0, 1, "up", 8)); // takes the inner lock, wakes the first waiter, leaves the count
    EXPECT_EQ(history.holders().at(0).task.tid, 0U);
    EXPECT_FALSE(history.holders().at(0).certain);
}

TEST(LockFunctions, TheTakerIsTheFirstFrameOutside) {
    std::vector<Frame> stack(3);
    stack[0].symbol = "_raw_spin_lock_irqsave";
    stack[1].symbol = "drain_ring";
    stack[2].symbol = "worker";
    EXPECT_EQ(taker_in(LockKind::Spinlock, stack, {})->symbol, "drain_ring");
    stack[0].symbol = "anything";
    stack[0].module = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    EXPECT_EQ(taker_in(LockKind::PthreadMutex, {}, stack)->symbol, "drain_ring");
    EXPECT_EQ(sleeps_for("rwsem_down_write_slowpath"), LockKind::Rwsem);
    EXPECT_EQ(sleeps_for("__mutex_lock.constprop.0"), LockKind::Mutex);
    EXPECT_FALSE(sleeps_for("do_sys_poll"));
}

WaitGraph graph_of(const std::vector<std::pair<const char*, const char*>>& waits,  // task, lock
                   const std::vector<std::pair<const char*, const char*>>& held) { // lock, task
    WaitGraphBuilder builder;
    for (const auto& [task, lock] : waits) {
        builder.task(task, task);
        builder.lock(lock, lock);
    }
    for (const auto& [lock, task] : held) {
        builder.task(task, task);
        builder.lock(lock, lock);
    }
    for (const auto& [task, lock] : waits) builder.waits_for(task, lock);
    for (const auto& [lock, task] : held) builder.held_by(lock, task);
    return builder.build();
}

TEST(WaitGraph, AChainIsNoCircle) {
    const WaitGraph graph = graph_of({{"t1", "A"}, {"t2", "B"}}, {{"A", "t2"}, {"B", "t3"}});
    EXPECT_TRUE(cycles_of(graph).empty());
    for (const auto& node : graph.nodes) EXPECT_FALSE(node.in_cycle);
}

TEST(WaitGraph, OppositeOrders) {
    const WaitGraph graph = graph_of({{"t1", "B"}, {"t2", "A"}, {"t3", "A"}}, {{"A", "t1"}, {"B", "t2"}});
    const auto cycles = cycles_of(graph);
    ASSERT_EQ(cycles.size(), 1U);
    EXPECT_EQ(cycles[0], (std::vector<std::string>{"t1", "B", "t2", "A"}));
    for (const auto& node : graph.nodes) EXPECT_EQ(node.in_cycle, node.id != "t3");
    for (const auto& edge : graph.edges) EXPECT_EQ(edge.in_cycle, edge.from != "t3");
}

TEST(WaitGraph, OneTaskAloneAndThreeTogether) {
    EXPECT_EQ(cycles_of(graph_of({{"t1", "A"}}, {{"A", "t1"}})).at(0).size(), 2U);
    const auto three =
        cycles_of(graph_of({{"t1", "B"}, {"t2", "C"}, {"t3", "A"}}, {{"A", "t1"}, {"B", "t2"}, {"C", "t3"}}));
    ASSERT_EQ(three.size(), 1U);
    EXPECT_EQ(three[0].size(), 6U);
}

TEST(TaskTable, ProcFiles) {
    const auto call = parse_sleeping_call("202 0x55d0 0x80 0x2 0x0 0x0 0x0 0x7ffc10 0x7f55\n");
    ASSERT_TRUE(call);
    EXPECT_EQ(call->number, 202);
    EXPECT_EQ(call->arguments[0], 0x55d0U);
    EXPECT_EQ(call->sp, 0x7ffc10U);
    EXPECT_EQ(call->pc, 0x7f55U);
    EXPECT_FALSE(parse_sleeping_call("running\n"));
    const auto frames =
        parse_kernel_stack("[<0>] msleep+0x2d/0x40\n[<0>] flush_cache+0x17/0x30 [stakeout_culprits]\n");
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[1].symbol, "flush_cache");
    EXPECT_EQ(frames[1].module, "stakeout_culprits");
    EXPECT_EQ(frames[1].offset, 0x17U);
}

} // namespace
} // namespace stakeout

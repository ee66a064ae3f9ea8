// SPDX-License-Identifier: GPL-2.0
/*
 * Locks that are not released. Every case runs in kernel threads, with workers that take the same lock for a moment, on both
 * CPUs, so that there is contention that goes on moving.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/semaphore.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include "culprits.h"

static bool innocent_run;
static bool bug_is_there; /* it has come about; from now on the workers meet it */
static bool undone;
static atomic_t running = ATOMIC_INIT(0);

static int work(void *argument)
{
	void (*function)(void) = argument;

	function();
	atomic_dec(&running);
	return 0;
}

static int start(void (*function)(void), const char *name, int cpu)
{
	struct task_struct *thread = kthread_create(work, function, "%s", name);

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	if (cpu >= 0)
		kthread_bind(thread, cpu);
	atomic_inc(&running);
	wake_up_process(thread);
	return 0;
}

/* The locks of the next case are made anew: threads that hang in the old ones are left behind. */
static void begin(void)
{
	atomic_set(&running, 0);
	bug_is_there = false;
	undone = false;
}

static void let_go(void)
{
	WRITE_ONCE(undone, true);
}

/* Of cases whose threads end by themselves. */
static void wait_for_threads(void)
{
	int ms;

	let_go();
	for (ms = 0; ms < 10000 && atomic_read(&running) > 0; ms += 20)
		msleep(20);
}

static void bug_came_about(void)
{
	WRITE_ONCE(bug_is_there, true);
}

/* What a bug keeps is kept until the case is over, however slow the machine is. */
static void stay_until_undone(void)
{
	int ms;

	bug_came_about();
	for (ms = 0; ms < 60000 && !READ_ONCE(undone); ms += 20)
		msleep(20);
}

/* Workers go on until they have met the bug, however late it comes about. */
static void repeat(void (*once)(void), int times, int pause_ms)
{
	bool met;
	int i = 0;

	do {
		met = innocent_run || READ_ONCE(bug_is_there);
		once();
		msleep(pause_ms);
	} while (++i < times || (!met && i < 100 * times));
}

/* ABBA: move_stock() takes shelf, then cellar; count_stock() the other way round. */
static DEFINE_MUTEX(stock_shelf);
static DEFINE_MUTEX(stock_cellar);
static long stock_moved;

static void *abba_prepare(void)
{
	begin();
	mutex_init(&stock_shelf);
	mutex_init(&stock_cellar);
	return &stock_shelf;
}

static noinline void move_stock(void)
{
	mutex_lock(&stock_shelf);
	stock_moved++;
	msleep(2);
	mutex_lock(&stock_cellar);
	stock_moved++;
	mutex_unlock(&stock_cellar);
	mutex_unlock(&stock_shelf);
}

static noinline void count_stock(void)
{
	mutex_lock(&stock_cellar);
	stock_moved++;
	msleep(30);
	mutex_lock(&stock_shelf);
	stock_moved++;
	mutex_unlock(&stock_shelf);
	mutex_unlock(&stock_cellar);
}

static void mover(void)
{
	repeat(move_stock, 60, 4);
}

static void counter(void)
{
	int i;

	msleep(150);
	for (i = 0; i < 12; i++) {
		if (innocent_run)
			move_stock();
		else
			count_stock();
		msleep(4);
	}
	bug_came_about();
}

static int abba_run(bool innocent)
{
	innocent_run = innocent;
	return start(mover, "stock_mover", 0) ?: start(counter, "stock_counter", 1);
}

/* A thread whose error path returns without unlocking, and ends. */
static DEFINE_MUTEX(journal);
static long journal_lines;

static noinline void append_line(void)
{
	mutex_lock(&journal);
	journal_lines++;
	mutex_unlock(&journal);
}

static void appender(void)
{
	repeat(append_line, 40, 5);
}

static void *journal_prepare(void)
{
	begin();
	mutex_init(&journal);
	return &journal;
}

static noinline int rotate_journal(bool fails)
{
	mutex_lock(&journal);
	journal_lines = 0;
	if (fails) {
		bug_came_about();
		return -EIO;
	}
	mutex_unlock(&journal);
	return 0;
}

static void rotator(void)
{
	msleep(60);
	rotate_journal(false);
	msleep(20);
	rotate_journal(!innocent_run);
}

static int exited_run(bool innocent)
{
	innocent_run = innocent;
	return start(appender, "appender/0", 0) ?: start(appender, "appender/1", 1) ?:
	       start(rotator, "rotator", -1);
}

/* A mutex kept across a long sleep. */
static DEFINE_MUTEX(cache_mutex);
static long cached;

static void *sleep_prepare(void)
{
	begin();
	mutex_init(&cache_mutex);
	return &cache_mutex;
}

static noinline void flush_cache(void)
{
	if (innocent_run)
		msleep(4000);
	mutex_lock(&cache_mutex);
	if (!innocent_run)
		stay_until_undone();
	cached = 0;
	mutex_unlock(&cache_mutex);
}

static noinline void fill_cache(void)
{
	mutex_lock(&cache_mutex);
	cached++;
	mutex_unlock(&cache_mutex);
}

static void filler_of_cache(void)
{
	repeat(fill_cache, 40, 5);
}

static void flusher(void)
{
	msleep(60);
	flush_cache();
}

static int sleep_run(bool innocent)
{
	innocent_run = innocent;
	return start(filler_of_cache, "cache_filler/0", 0) ?:
	       start(filler_of_cache, "cache_filler/1", 1) ?: start(flusher, "cache_flusher", -1);
}

/* A writer behind a reader that does not leave: it waits for something while it reads. */
static DECLARE_RWSEM(routes);
static long routes_known;

static void *starved_prepare(void)
{
	begin();
	init_rwsem(&routes);
	return &routes;
}

static noinline void look_up_route(void)
{
	down_read(&routes);
	routes_known++;
	msleep(4);
	up_read(&routes);
}

static noinline void dump_routes(void)
{
	down_read(&routes);
	if (innocent_run)
		msleep(20);
	else
		stay_until_undone();
	up_read(&routes);
}

static noinline void add_route(void)
{
	down_write(&routes);
	routes_known++;
	up_write(&routes);
}

static void route_reader(void)
{
	repeat(look_up_route, 25, 4);
}

static void route_dumper(void)
{
	msleep(100);
	dump_routes();
}

static void route_writer(void)
{
	repeat(add_route, 20, 12);
}

static int starved_run(bool innocent)
{
	innocent_run = innocent;
	return start(route_reader, "route_reader", 0) ?: start(route_dumper, "route_dumper", -1) ?:
	       start(route_writer, "route_writer", 1);
}

/* A spinlock kept for seconds with interrupts off, while the other CPU spins for it. */
static DEFINE_SPINLOCK(ring_lock);
static long ring_used;

static void *spin_prepare(void)
{
	begin();
	return &ring_lock;
}

/*
 * By the clock, not by udelay(): Debian's 6.1 under QEMU was seen to be through with 2500 times udelay(1000) in 1.2 ms. This
 * clock is read from its counter, and goes on while interrupts are off.
 */
static noinline void drain_ring(bool too_long)
{
	unsigned long flags;
	u64 end;

	spin_lock_irqsave(&ring_lock, flags);
	if (too_long)
		bug_came_about();
	end = ktime_get_mono_fast_ns() + (too_long ? 2500 : 1) * (u64)NSEC_PER_MSEC;
	while (ktime_get_mono_fast_ns() < end) {
		ring_used++;
		cpu_relax();
	}
	spin_unlock_irqrestore(&ring_lock, flags);
}

static noinline void fill_ring(void)
{
	spin_lock(&ring_lock);
	ring_used++;
	spin_unlock(&ring_lock);
}

static void drainer(void)
{
	int i;

	for (i = 0; i < 10; i++) {
		drain_ring(false);
		msleep(10);
	}
	if (!innocent_run)
		drain_ring(true);
}

static void filler(void)
{
	repeat(fill_ring, 100, 4);
}

static int spin_run(bool innocent)
{
	innocent_run = innocent;
	return start(filler, "ring_filler", 0) ?: start(drainer, "ring_drainer", 1);
}

/* A semaphore that an error path returns without giving back; the thread lives on, two others wait for good. */
static struct semaphore gate;
static long packets;

static void *semaphore_prepare(void)
{
	begin();
	sema_init(&gate, 1);
	return &gate;
}

static noinline void receive_packet(void)
{
	down(&gate);
	packets++;
	msleep(2);
	up(&gate);
}

static noinline int send_packet(bool fails)
{
	down(&gate);
	packets++;
	if (fails)
		return -EIO;
	up(&gate);
	return 0;
}

static void receiver(void)
{
	repeat(receive_packet, 40, 5);
}

static void sender(void)
{
	int i;

	for (i = 0; i < 10; i++) {
		send_packet(false);
		msleep(8);
	}
	send_packet(!innocent_run);
	if (!innocent_run)
		stay_until_undone();
}

static int semaphore_run(bool innocent)
{
	innocent_run = innocent;
	return start(receiver, "receiver/0", 0) ?: start(receiver, "receiver/1", 1) ?: start(sender, "sender", -1);
}

const struct fault_case deadlock_cases[] = {
	{ "deadlock_kernel_abba", abba_prepare, abba_run, NULL },
	{ "deadlock_kernel_found", abba_prepare, abba_run, NULL },
	{ "deadlock_semaphore", semaphore_prepare, semaphore_run, let_go },
	{ "deadlock_exited", journal_prepare, exited_run, NULL },
	{ "deadlock_kernel_sleep", sleep_prepare, sleep_run, wait_for_threads },
	{ "deadlock_starved", starved_prepare, starved_run, wait_for_threads },
	{ "deadlock_spin", spin_prepare, spin_run, wait_for_threads },
	{}
};

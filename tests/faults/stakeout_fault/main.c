// SPDX-License-Identifier: GPL-2.0
/*
 * stakeout_fault - memory of every shape that stakeout can watch, accessed on command.
 *
 * Write "COMMAND [N [CPU]]" to /proc/stakeout_fault; the accesses are made in the calling task before write() returns
 * (spin excepted). Reading the file gives "name value" lines: how many accesses of each kind were made since the
 * module was loaded, and the address of each variable. Those figures are the truth that the tests compare with.
 *
 *   a N, b N        fault_writer_a(), fault_writer_b() write fault_state, N times
 *   stray N         a function that has no business there writes fault_state through a pointer
 *   read N          reads fault_state
 *   oncpu N CPU     fault_state is written on that CPU, N times, in an IPI
 *   percpu N CPU    that CPU's copy of fault_percpu is written, on that CPU
 *   u8 N, u16 N, u32 N, packed N, twin N, other_twin N
 *   first N, table N, low N, flags N, next N, whole N      fields of fault_object, see below
 *   call N          fault_called() is called
 *   spin MS CPU     a kernel thread bound to CPU writes fault_state as fast as it can, for MS milliseconds or until
 *                   "stop"; the line "spinning" tells whether it still does
 *   stop            returns when the thread has ended
 *
 * Each access is one plain store or load instruction of the variable's own width, except fault_writer_b's, which adds
 * to memory, and that of `flags`, a read and a write of the bit-field's word.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "fault.h"

struct fault_inner {
	u32 first;
	u32 second;
	u16 table[4];
};

struct fault_object {
	u64 magic;
	struct fault_inner inner;
	union {
		u64 whole;
		struct {
			u32 low;
			u32 high;
		};
	};
	unsigned int flag_a : 3;
	unsigned int flag_b : 5;
	struct fault_object *next;
	u64 tail;
};

struct fault_packed {
	u8 lead[3];
	u64 value; /* unaligned: bytes 3 to 10, which takes slots of 1, 4, 2 and 1 bytes */
} __packed;

/*
 * Each variable begins a cache line, so that no slot of one reaches into another. Their widths cannot be told from
 * the distance to the next symbol, as is usual in real modules.
 */
u64 fault_state ____cacheline_aligned = 1;
u64 fault_pair[2] ____cacheline_aligned; /* NAME+OFF: fault_pair+8 */
u8 fault_u8 ____cacheline_aligned;
u16 fault_u16 ____cacheline_aligned;
u32 fault_u32 ____cacheline_aligned;
struct fault_packed fault_packed ____cacheline_aligned;
struct fault_object fault_next ____cacheline_aligned = { .magic = 2 };
struct fault_object fault_object ____cacheline_aligned = { .magic = 1, .next = &fault_next };
static u64 fault_twin ____cacheline_aligned;
DEFINE_PER_CPU(u64, fault_percpu);

static u64 fault_sink; /* where values read go */

/* ---- the accesses ---- */

static noinline void fault_writer_a(u64 n)
{
	WRITE_ONCE(fault_state, n);
}

static noinline void fault_writer_b(u64 n)
{
	asm volatile("addq %1, %0" : "+m"(fault_state) : "er"(n) : "cc");
}

static noinline void fault_stray_writer(u64 *somewhere)
{
	WRITE_ONCE(*somewhere, 0xdeadbeefdeadbeefULL);
}

static noinline void fault_reader(void)
{
	fault_sink += READ_ONCE(fault_state);
}

static noinline void fault_called(u64 n)
{
	WRITE_ONCE(fault_sink, n);
}

static void write_a(u64 n) { fault_writer_a(n); }
static void write_b(u64 n) { fault_writer_b(1); }
static void write_stray(u64 n) { fault_stray_writer(&fault_state); }
static void read_state(u64 n) { fault_reader(); }
static void write_second(u64 n) { WRITE_ONCE(fault_pair[1], n); }
static void write_u8(u64 n) { WRITE_ONCE(fault_u8, (u8)n); }
static void write_u16(u64 n) { WRITE_ONCE(fault_u16, (u16)n); }
static void write_u32(u64 n) { WRITE_ONCE(fault_u32, (u32)n); }
static void write_packed(u64 n) { asm volatile("movq %1, %0" : "=m"(fault_packed.value) : "r"(n)); }
static void write_twin(u64 n) { WRITE_ONCE(fault_twin, n); }
static void write_first(u64 n) { WRITE_ONCE(fault_object.inner.first, (u32)n); }
static void write_table(u64 n) { WRITE_ONCE(fault_object.inner.table[2], (u16)n); }
static void write_low(u64 n) { WRITE_ONCE(fault_object.low, (u32)n); }
static void write_whole(u64 n) { WRITE_ONCE(fault_object.whole, n); }
static void write_flags(u64 n) { fault_object.flag_b = n & 31; barrier(); }
static void write_next(u64 n) { WRITE_ONCE(fault_object.next->tail, n); }
static void write_percpu(u64 n) { this_cpu_write(fault_percpu, n); }

/* ---- commands ---- */

struct command {
	const char *name;
	void (*access)(u64 n); /* called with 1, 2, ... N */
	bool on_given_cpu;
	atomic64_t done;
};

static struct command commands[] = {
	{ "a", write_a },
	{ "b", write_b },
	{ "stray", write_stray },
	{ "read", read_state },
	{ "oncpu", write_a, true },
	{ "percpu", write_percpu, true },
	{ "second", write_second },
	{ "u8", write_u8 },
	{ "u16", write_u16 },
	{ "u32", write_u32 },
	{ "packed", write_packed },
	{ "twin", write_twin },
	{ "other_twin", fault_write_other_twin },
	{ "first", write_first },
	{ "table", write_table },
	{ "low", write_low },
	{ "whole", write_whole },
	{ "flags", write_flags },
	{ "next", write_next },
	{ "call", fault_called },
};

struct batch {
	struct command *command;
	unsigned int count;
};

static noinline void run_batch(void *data)
{
	struct batch *batch = data;
	u64 n;

	for (n = 1; n <= batch->count; n++)
		batch->command->access(n);
	atomic64_add(batch->count, &batch->command->done);
}

static struct command *find_command(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* ---- the tight loop ---- */

static DEFINE_MUTEX(spin_lock_of_thread);
static struct task_struct *spinner; /* referenced while not NULL */
static unsigned long spin_until;
static bool spinning;
static atomic64_t spin_done = ATOMIC64_INIT(0);

static int spin_thread(void *unused)
{
	u64 n = 0;

	while (!kthread_should_stop() && time_before(jiffies, spin_until)) {
		fault_writer_a(++n);
		if (n % 64)
			continue;
		atomic64_set(&spin_done, n);
		cond_resched(); /* the CPU stays usable for whoever is to be tested */
	}
	atomic64_set(&spin_done, n);
	smp_store_release(&spinning, false);
	return 0;
}

static void stop_spinner(void)
{
	if (!spinner)
		return;
	kthread_stop(spinner);
	put_task_struct(spinner);
	spinner = NULL;
}

static int start_spinner(unsigned int milliseconds, unsigned int cpu)
{
	struct task_struct *task;

	stop_spinner();
	task = kthread_create_on_cpu(spin_thread, NULL, cpu, "fault_spin/%u");
	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task); /* it may end by itself, and kthread_stop() needs it */
	spinner = task;
	spin_until = jiffies + msecs_to_jiffies(milliseconds);
	spinning = true;
	atomic64_set(&spin_done, 0);
	wake_up_process(task);
	return 0;
}

/* ---- /proc/stakeout_fault ---- */

static int obey(const char *name, unsigned int count, unsigned int cpu)
{
	struct command *command = find_command(name);
	struct batch batch = { .command = command, .count = count };

	if (!command)
		return -EINVAL;
	if (command->on_given_cpu)
		return smp_call_function_single(cpu, run_batch, &batch, 1);
	run_batch(&batch);
	return 0;
}

static int obey_spinning(const char *name, unsigned int count, unsigned int cpu)
{
	int error = 0;

	mutex_lock(&spin_lock_of_thread);
	if (!strcmp(name, "stop"))
		stop_spinner();
	else
		error = cpu < nr_cpu_ids && cpu_online(cpu) ? start_spinner(count, cpu) : -ENXIO;
	mutex_unlock(&spin_lock_of_thread);
	return error;
}

static ssize_t fault_write(struct file *file, const char __user *from, size_t length, loff_t *offset)
{
	char line[64], name[16];
	unsigned int count = 1, cpu = 0;
	int error;

	if (length >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, length))
		return -EFAULT;
	line[length] = '\0';
	if (sscanf(line, "%15s %u %u", name, &count, &cpu) < 1)
		return -EINVAL;
	if (!strcmp(name, "spin") || !strcmp(name, "stop"))
		error = obey_spinning(name, count, cpu);
	else
		error = obey(name, count, cpu);
	return error ? error : length;
}

static void show_address(struct seq_file *to, const char *name, const void *address)
{
	seq_printf(to, "&%s %px\n", name, address);
}

static int fault_show(struct seq_file *to, void *unused)
{
	int i, cpu;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		seq_printf(to, "%s %lld\n", commands[i].name, atomic64_read(&commands[i].done));
	seq_printf(to, "spin %lld\nspinning %d\n", atomic64_read(&spin_done), smp_load_acquire(&spinning));
	show_address(to, "fault_state", &fault_state);
	show_address(to, "fault_pair", fault_pair);
	show_address(to, "fault_u8", &fault_u8);
	show_address(to, "fault_u16", &fault_u16);
	show_address(to, "fault_u32", &fault_u32);
	show_address(to, "fault_packed.value", &fault_packed.value);
	show_address(to, "fault_object", &fault_object);
	show_address(to, "fault_object.inner.first", &fault_object.inner.first);
	show_address(to, "fault_object.inner.table[2]", &fault_object.inner.table[2]);
	show_address(to, "fault_object.low", &fault_object.low);
	show_address(to, "fault_object.next->tail", &fault_object.next->tail);
	show_address(to, "fault_twin", &fault_twin);
	show_address(to, "fault_called", fault_called);
	for_each_possible_cpu(cpu)
		seq_printf(to, "&fault_percpu/%d %px\n", cpu, per_cpu_ptr(&fault_percpu, cpu));
	return 0;
}

static int fault_open(struct inode *inode, struct file *file)
{
	return single_open(file, fault_show, NULL);
}

static const struct proc_ops fault_ops = {
	.proc_open = fault_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
	.proc_write = fault_write,
};

static int __init fault_init(void)
{
	return proc_create("stakeout_fault", 0600, NULL, &fault_ops) ? 0 : -ENOMEM;
}

static void __exit fault_exit(void)
{
	remove_proc_entry("stakeout_fault", NULL);
	stop_spinner();
}

module_init(fault_init);
module_exit(fault_exit);
MODULE_DESCRIPTION("Memory accessed on command, for stakeout's tests");
MODULE_LICENSE("GPL");

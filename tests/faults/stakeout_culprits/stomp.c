// SPDX-License-Identifier: GPL-2.0
/* Kernel memory overwritten by the wrong code. run() returns when the traffic is over. */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "culprits.h"

static DEFINE_SPINLOCK(planted_lock);

/* ---- a stale pointer ---- */

u64 planted_state ____cacheline_aligned = 1;
static u64 planted_own;

static noinline void planted_set_state(u64 value)
{
	WRITE_ONCE(planted_state, value);
}

static noinline void planted_flush(u64 *remembered)
{
	WRITE_ONCE(*remembered, 0xffff);
}

static int stray_pointer(bool innocent)
{
	int i;

	for (i = 0; i < 150; i++) {
		planted_set_state(i % 8);
		if (i == 140)
			planted_flush(innocent ? &planted_own : &planted_state);
		msleep(20);
	}
	return 0;
}

/* ---- use after free, the memory in its next owner's hands ---- */

struct planted_session {
	u64 name[8];
	u64 requests; /* in the middle of 128 bytes, where the allocator keeps its list of free objects */
	u64 more[7];
};

struct planted_buffer {
	u64 words[16];
};

static struct kmem_cache *planted_cache; /* of both, as kmalloc-128 is on kernels that do not randomise it */
static struct planted_session *session;
static int session_cpu; /* where it was allocated: there it goes back to the list that is used next */

static void *make_session(void)
{
	if (!planted_cache)
		planted_cache = kmem_cache_create("planted_objects", sizeof(*session), 0, SLAB_NOLEAKTRACE, NULL);
	preempt_disable();
	session_cpu = smp_processor_id();
	session = planted_cache ? kmem_cache_zalloc(planted_cache, GFP_ATOMIC) : NULL;
	preempt_enable();
	return session ? &session->requests : NULL;
}

static noinline void planted_count_request(struct planted_session *of)
{
	WRITE_ONCE(of->requests, READ_ONCE(of->requests) + 1);
}

static noinline void planted_close_session(struct planted_session *of)
{
	kmem_cache_free(planted_cache, of);
}

static noinline struct planted_buffer *planted_fill_buffer(void)
{
	struct planted_buffer *buffer = kmem_cache_alloc(planted_cache, GFP_ATOMIC);
	int i;

	for (i = 0; buffer && i < ARRAY_SIZE(buffer->words); i++)
		WRITE_ONCE(buffer->words[i], 0x4141414141414141ULL);
	return buffer;
}

static long close_and_reuse(void *innocent)
{
	void *buffer = NULL;
	int i;

	for (i = 0; i < 20; i++)
		planted_count_request(session);
	planted_close_session(session);
	for (i = 0; i < 64 && buffer != session; i++)
		buffer = planted_fill_buffer(); /* never freed again */
	if (buffer != session)
		return -EIO; /* there is nothing to diagnose */
	if (!innocent)
		for (i = 0; i < 3; i++)
			planted_count_request(session);
	return 0;
}

static int use_after_free(bool innocent)
{
	long error = session ? work_on_cpu(session_cpu, close_and_reuse, innocent ? &session : NULL) : -ENOENT;

	session = NULL;
	return error;
}

/* ---- one byte too much ---- */

#define PLANTED_NAME_BYTES 64

static void *planted_name, *planted_neighbour;
static volatile size_t planted_length;

/* Two names that lie side by side; the others stay allocated and fill the slab's holes. */
static void *make_neighbours(void)
{
	static void *names[128];
	int i, j;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		names[i] = kmalloc(PLANTED_NAME_BYTES, GFP_KERNEL);
		for (j = 0; names[i] && j < i; j++)
			if (names[j] + PLANTED_NAME_BYTES == names[i]) {
				planted_name = names[j];
				planted_neighbour = names[i];
				memset(planted_neighbour, 0x77, PLANTED_NAME_BYTES);
				return planted_neighbour;
			}
	}
	return NULL;
}

static noinline void planted_write_neighbour(u64 value)
{
	WRITE_ONCE(*(u64 *)planted_neighbour, value);
}

static noinline void planted_clear_name(void)
{
	memset(planted_name, 0, planted_length);
}

static int off_by_one(bool innocent)
{
	int i;

	planted_length = PLANTED_NAME_BYTES + (innocent ? 0 : 1);
	for (i = 1; i < 40; i++) {
		planted_write_neighbour(0x1111111111111111ULL * (i % 8 + 1));
		if (i % 10 == 0)
			planted_clear_name();
	}
	return 0;
}

/* ---- an error code for an index ---- */

/* Two variables, the one right before the other. */
static u64 planted_memory[9] __used = { 1000 };
extern u64 planted_errors, planted_table[8];
asm(".globl planted_errors, planted_table\n"
    ".set planted_errors, planted_memory\n"
    ".set planted_table, planted_memory + 8\n");

static noinline void planted_use_error(void)
{
	WRITE_ONCE(planted_errors, planted_errors - 1);
}

static noinline void planted_record(int at, u64 value)
{
	u64 *entries = planted_table;

	OPTIMIZER_HIDE_VAR(entries);
	WRITE_ONCE(entries[at], value);
}

static int negative_index(bool innocent)
{
	int i;

	for (i = 0; i < 16; i++) {
		spin_lock(&planted_lock);
		planted_use_error();
		planted_record(i % 8 == 5 && !innocent ? -1 : i % 8, i);
		spin_unlock(&planted_lock);
	}
	return 0;
}

const struct fault_case stomp_cases[] = {
	{ "stomp_kernel_stray_pointer", NULL, stray_pointer },
	{ "stomp_kernel_use_after_free", make_session, use_after_free },
	{ "stomp_kernel_off_by_one", make_neighbours, off_by_one },
	{ "stomp_kernel_negative_index", NULL, negative_index },
	{}
};

// SPDX-License-Identifier: GPL-2.0
/*
 * leak_error_path: requests whose buffer is freed, except where the error path forgets it. One stack allocates both.
 * leak_slab_cache: objects of a slab cache that are put on a list which nobody reads; the innocent list is walked.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>

#include "culprits.h"

struct request {
	u64 number;
	char data[184];
};

struct item {
	struct list_head link;
	u64 number;
	char pad[72];
};

static struct task_struct *worker;
static bool innocent_run;
static LIST_HEAD(items);
static struct kmem_cache *item_cache;

static noinline struct request *take_request(u64 number)
{
	struct request *one = kmalloc(sizeof(*one), GFP_KERNEL);

	if (one)
		one->number = number;
	return one;
}

static noinline int handle_request(u64 number)
{
	struct request *one = take_request(number);

	if (!one)
		return -ENOMEM;
	if (number % 4 == 0 && !innocent_run)
		return -EINVAL; /* the bug */
	kfree(one);
	return 0;
}

static int serve_requests(void *unused)
{
	u64 number = 0;

	while (!kthread_should_stop()) {
		handle_request(number++);
		usleep_range(2000, 3000);
	}
	return 0;
}

static noinline void add_item(u64 number)
{
	struct item *one = kmem_cache_alloc(item_cache, GFP_KERNEL);

	if (!one)
		return;
	one->number = number;
	list_add_tail(&one->link, &items);
}

static noinline u64 walk_items(void)
{
	struct item *one;
	u64 sum = 0;
	int i;

	list_for_each_entry(one, &items, link) {
		sum += one->number;
		for (i = 0; i < ARRAY_SIZE(one->pad); i++)
			sum += READ_ONCE(one->pad[i]);
	}
	return sum;
}

static int keep_items(void *unused)
{
	u64 number = 0;

	while (!kthread_should_stop()) {
		add_item(number++);
		if (innocent_run && number % 16 == 0)
			walk_items();
		usleep_range(5000, 6000);
	}
	return 0;
}

static int start(int (*thread)(void *), bool innocent)
{
	struct task_struct *task;

	innocent_run = innocent;
	task = kthread_run(thread, NULL, "leaker");
	if (IS_ERR(task))
		return PTR_ERR(task);
	worker = task;
	return 0;
}

static int run_error_path(bool innocent)
{
	return start(serve_requests, innocent);
}

static int run_cache(bool innocent)
{
	if (!item_cache)
		item_cache = kmem_cache_create("stakeout_items", sizeof(struct item), 0, SLAB_HWCACHE_ALIGN, NULL);
	return item_cache ? start(keep_items, innocent) : -ENOMEM;
}

static void stop_worker(void)
{
	struct item *one, *next;

	if (worker)
		kthread_stop(worker);
	worker = NULL;
	list_for_each_entry_safe(one, next, &items, link) {
		list_del(&one->link);
		kmem_cache_free(item_cache, one);
	}
}

const struct fault_case leak_cases[] = {
	{ "leak_error_path", NULL, run_error_path, stop_worker },
	{ "leak_slab_cache", NULL, run_cache, stop_worker },
	{}
};

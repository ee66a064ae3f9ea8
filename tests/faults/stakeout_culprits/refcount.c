// SPDX-License-Identifier: GPL-2.0
/* Reference counts that drift. run() returns when the traffic, of two threads, is over. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kref.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "culprits.h"

#define PLANTED_ROUNDS 60
#define PLANTED_OBJECTS 150 /* a thread; of which a watch follows one at a time, chosen by chance */

static bool is_innocent;
static struct completion planted_done;

static int in_two_threads(int (*work)(void *))
{
	struct task_struct *thread;
	long i;

	init_completion(&planted_done);
	for (i = 0; i < 2; i++) {
		thread = kthread_run(work, (void *)i, "planted/%ld", i);
		if (IS_ERR(thread))
			return PTR_ERR(thread);
	}
	for (i = 0; i < 2; i++)
		wait_for_completion(&planted_done);
	return 0;
}

/* ---- a kref whose error path forgets the put ---- */

struct planted_device {
	struct kref refs;
};
struct planted_device planted_device ____cacheline_aligned;

static void planted_release(struct kref *refs)
{
}

static noinline void planted_open(void)
{
	kref_get(&planted_device.refs);
	usleep_range(1000, 2000);
	kref_put(&planted_device.refs, planted_release);
}

static noinline int planted_ioctl(int number)
{
	kref_get(&planted_device.refs);
	if (number % 5 == 4 && !is_innocent)
		return -EINVAL;
	kref_put(&planted_device.refs, planted_release);
	return 0;
}

static int use_device(void *unused)
{
	int i;

	for (i = 0; i < PLANTED_ROUNDS; i++) {
		planted_open();
		planted_ioctl(i);
	}
	complete(&planted_done);
	return 0;
}

static void *make_device(void)
{
	kref_init(&planted_device.refs);
	return &planted_device.refs;
}

static int missing_put(bool innocent)
{
	is_innocent = innocent;
	return in_two_threads(use_device);
}

/* ---- a refcount_t that is given back once too often ---- */

refcount_t planted_users ____cacheline_aligned;

static noinline void planted_attach(void)
{
	refcount_inc(&planted_users);
}

static noinline void planted_detach(void)
{
	refcount_dec(&planted_users);
}

static noinline void planted_time_out(int number)
{
	if (!is_innocent && number % 20 == 19)
		refcount_dec(&planted_users); /* planted_detach() has done that */
}

static int attach_often(void *unused)
{
	int i;

	for (i = 0; i < PLANTED_ROUNDS; i++) {
		planted_attach();
		usleep_range(500, 1000);
		planted_detach();
		planted_time_out(i);
	}
	complete(&planted_done);
	return 0;
}

static void *make_users(void)
{
	refcount_set(&planted_users, 3);
	return &planted_users;
}

static int extra_put(bool innocent)
{
	is_innocent = innocent;
	return in_two_threads(attach_often);
}

/* ---- objects that come and go; an error path forgets the put of every fourth, which is never freed ---- */

struct planted_object {
	struct kref refs;
	int number;
	char name[104];
};

static noinline struct planted_object *planted_new(int number)
{
	struct planted_object *object = kmalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return NULL;
	kref_init(&object->refs);
	object->number = number;
	return object;
}

static void planted_free(struct kref *refs)
{
	kfree(container_of(refs, struct planted_object, refs));
}

static noinline void planted_look_up(struct planted_object *object)
{
	kref_get(&object->refs);
	usleep_range(500, 1000);
	kref_put(&object->refs, planted_free);
}

static noinline int planted_refuse(struct planted_object *object)
{
	kref_get(&object->refs);
	if (object->number % 4 == 3 && !is_innocent)
		return -EINVAL;
	kref_put(&object->refs, planted_free);
	return 0;
}

static noinline void planted_close(struct planted_object *object)
{
	kref_put(&object->refs, planted_free);
}

static int use_objects(void *unused)
{
	int i;

	for (i = 0; i < PLANTED_OBJECTS; i++) {
		struct planted_object *object = planted_new(i);

		if (!object)
			break;
		msleep(50); /* until a slot is on it, in an emulated machine as well */
		planted_look_up(object);
		planted_refuse(object);
		planted_close(object);
	}
	msleep(1500); /* what lives on is followed for that long */
	complete(&planted_done);
	return 0;
}

static int all_of(bool innocent)
{
	is_innocent = innocent;
	return in_two_threads(use_objects);
}

const struct fault_case refcount_cases[] = {
	{ "refcount_kernel_all_of", NULL, all_of },
	{ "refcount_kernel_missing_put", make_device, missing_put },
	{ "refcount_kernel_extra_put", make_users, extra_put },
	{}
};

// SPDX-License-Identifier: GPL-2.0
/*
 * stakeout_culprits - kernel code with planted bugs, for the recipes of `stakeout diagnose` to find.
 *
 * Write to /proc/stakeout_culprits:
 *
 *   NAME prepare     makes what is to be watched; reading the file then shows a line "&NAME 0xADDRESS"
 *   NAME fault       the traffic with the bug
 *   NAME innocent    the same traffic without it
 *   NAME undo        ends what still runs
 *
 * A case without prepare() needs none; its "prepare" does nothing. Only for a guest that is thrown away afterwards.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "culprits.h"

static const struct fault_case *const tables[] = { stomp_cases, deadlock_cases, refcount_cases, leak_cases };

static DEFINE_MUTEX(one_at_a_time);
static const struct fault_case *prepared;
static void *prepared_at;

static const struct fault_case *find_case(const char *name)
{
	const struct fault_case *one;
	int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (one = tables[i]; one->name; one++)
			if (!strcmp(one->name, name))
				return one;
	return NULL;
}

static int prepare(const struct fault_case *one)
{
	if (!one->prepare)
		return 0;
	prepared_at = one->prepare();
	prepared = prepared_at ? one : NULL;
	return prepared_at ? 0 : -ENOMEM;
}

static int obey(const char *name, const char *what)
{
	const struct fault_case *one = find_case(name);

	if (!one)
		return -ENOENT;
	if (!strcmp(what, "prepare"))
		return prepare(one);
	if (!strcmp(what, "undo")) {
		if (one->undo)
			one->undo();
		return 0;
	}
	if (strcmp(what, "fault") && strcmp(what, "innocent"))
		return -EINVAL;
	return one->run(!strcmp(what, "innocent"));
}

static ssize_t culprits_write(struct file *file, const char __user *from, size_t length, loff_t *offset)
{
	char line[96], name[64], what[16];
	int error;

	if (length >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, length))
		return -EFAULT;
	line[length] = '\0';
	if (sscanf(line, "%63s %15s", name, what) != 2)
		return -EINVAL;
	mutex_lock(&one_at_a_time);
	error = obey(name, what);
	mutex_unlock(&one_at_a_time);
	return error ? error : length;
}

static int culprits_show(struct seq_file *to, void *unused)
{
	if (prepared)
		seq_printf(to, "&%s 0x%px\n", prepared->name, prepared_at);
	return 0;
}

static int culprits_open(struct inode *inode, struct file *file)
{
	return single_open(file, culprits_show, NULL);
}

static const struct proc_ops culprits_ops = {
	.proc_open = culprits_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
	.proc_write = culprits_write,
};

static int __init culprits_init(void)
{
	return proc_create("stakeout_culprits", 0600, NULL, &culprits_ops) ? 0 : -ENOMEM;
}

module_init(culprits_init); /* no exit: blocked threads of ours may still be in here */
MODULE_DESCRIPTION("Kernel code with planted bugs, for stakeout's tests");
MODULE_LICENSE("GPL");

/*
 * A cache that never evicts, looks like a leak and grows. In the innocent program its entries are looked up all the
 * time; in the faulty one their keys hold a version that goes up, so that nothing put in is ever found again, and only
 * the last entry of a bucket is looked at.
 */
#include "leak_common.h"

enum { BUCKETS = 16 };

struct entry {
	struct entry *next;
	unsigned long key;
	unsigned long value[6];
};

static struct entry *cache[BUCKETS];

static struct entry *put_entry(unsigned long key)
{
	struct entry *one = malloc(sizeof(*one));
	int i;

	one->next = cache[key % BUCKETS];
	one->key = key;
	for (i = 0; i < 6; i++)
		one->value[i] = key + (unsigned long)i;
	cache[key % BUCKETS] = one;
	return one;
}

static unsigned long sum_of(const struct entry *one)
{
	unsigned long sum = one->key;
	int i;

	for (i = 0; i < 6; i++)
		sum += one->value[i];
	return sum;
}

static unsigned long look_through(void)
{
	unsigned long sum = 0;
	const struct entry *one;
	int i;

	for (i = 0; i < BUCKETS; i++)
		for (one = cache[i]; one; one = one->next)
			sum += sum_of(one);
	return sum;
}

static unsigned long look_at_last(unsigned long key)
{
	const struct entry *one = cache[key % BUCKETS];

	return one && one->key == key ? sum_of(one) : 0;
}

int main(int argc, char **argv)
{
	volatile unsigned long sum = 0;
	unsigned long key;

	begin_program();
	for (key = 0;; key++) {
		put_entry(key);
		pause_us(4000);
		if (is_fault(argc, argv))
			sum += look_at_last(key);
		else if (key % 16 == 0)
			sum += look_through();
	}
}

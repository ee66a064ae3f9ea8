/*
 * A renderer that takes its memory in chunks of 32 KiB from an arena of its own. The innocent one gives all chunks back
 * after each page; the faulty one begins a new list instead.
 */
#include "leak_common.h"

#include <stdio.h>

enum { CHUNK = 32768, CHUNKS = 40 };

struct chunk {
	struct chunk *next;
	size_t used;
	char bytes[CHUNK - sizeof(struct chunk *) - sizeof(size_t)];
};

static struct chunk *arena;

static struct chunk *grow_arena(void)
{
	struct chunk *one = malloc(sizeof(*one));

	one->next = arena;
	one->used = 0;
	arena = one;
	return one;
}

static void *take(size_t bytes)
{
	struct chunk *one = arena;

	if (!one || one->used + bytes > sizeof(one->bytes))
		one = grow_arena();
	one->used += bytes;
	return one->bytes + one->used - bytes;
}

static void release_arena(void)
{
	while (arena) {
		struct chunk *one = arena;

		arena = one->next;
		free(one);
	}
}

static void draw_page(void)
{
	int i;

	for (i = 0; i < CHUNKS; i++) {
		memset(take(CHUNK / 2 + 512), i, 512);
		pause_us(20000);
	}
}

int main(int argc, char **argv)
{
	begin_program();
	for (;;) {
		draw_page();
		if (is_fault(argc, argv))
			arena = NULL;
		else
			release_arena();
	}
}

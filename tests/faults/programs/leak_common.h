/* What the leaking programs share: they end with their parent and after a minute, and others are at work beside them. */
#ifndef LEAK_COMMON_H
#define LEAK_COMMON_H

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline void pause_us(long microseconds)
{
	struct timespec time = { microseconds / 1000000, microseconds % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

/* Allocates, uses and frees, as any program does. */
static void *work_on(void *unused)
{
	char *kept[64] = { NULL };
	unsigned int round;

	for (round = 0;; round++) {
		char **one = &kept[round * 7 % 64];

		free(*one);
		*one = (char *)malloc(16 + round * 37 % 400);
		if (*one)
			memset(*one, (int)round, 16);
		pause_us(400);
	}
	return unused;
}

static inline void begin_program(void)
{
	pthread_t worker;
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
	for (i = 0; i < 2; i++)
		pthread_create(&worker, NULL, work_on, NULL);
}

static inline int is_fault(int argc, char **argv)
{
	return argc > 1 && !strcmp(argv[1], "fault");
}

#ifdef __cplusplus
}
#endif

#endif

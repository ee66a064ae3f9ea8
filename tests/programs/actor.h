/* The commands that `actor` understands. Each answers with the number of accesses that it really made. */
#ifndef ACTOR_H
#define ACTOR_H

enum { ACTOR_BYTES = 4096 };

struct command {
    const char* name;
    int arguments; /* numbers that follow the name */
    long (*execute)(const long* arguments);
};

extern const struct command memory_commands[], call_commands[], thread_commands[];

/* What the tests watch. */
extern unsigned char watched[ACTOR_BYTES]; /* aligned to a page */
extern long counter;                       /* written by threads, and by `count` */
extern long early;                         /* written in a constructor, then by main */
extern long sigtraps;                      /* debug exceptions that came as signals */

long next_value(void); /* 1, 2, 3 ... */

#endif

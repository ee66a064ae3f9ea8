// State that lasts: for the watch, for each CPU, for each process with room for a few only.
#include <stakeout.h>

enum parity { even, odd };

struct fields {
    u64 of_watch, of_cpu, of_key;
    enum parity parity;
    struct {
        u32 first : 4, second : 12;
    } bits;
    u8 bytes[3];
    void *task;
};

static u64 hits;
per_cpu(u64, hits_of_cpu);
per_key(u64, u64, hits_of_value, 2);

on_hit(h) {
    fields(h)->of_watch = __sync_fetch_and_add(&hits, 1) + 1;
    u64 *own = hits_of_cpu(), *key = hits_of_value(h->new & 3);
    if (own) fields(h)->of_cpu = ++*own;
    if (key) fields(h)->of_key = ++*key;
    fields(h)->parity = h->new & 1 ? odd : even;
    fields(h)->bits.first = h->new;
    fields(h)->bits.second = h->new * 16;
    for (int i = 0; i < 3; i++) fields(h)->bytes[i] = h->new_bytes[i];
    fields(h)->task = current_task();
    return keep;
}

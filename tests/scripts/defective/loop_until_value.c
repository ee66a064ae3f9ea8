// MUST SAY: limit|does not end|too many
#include <stakeout.h>

static volatile u64 wanted;
on_hit(h) {
    u64 sum = 0;
    while (wanted != sum) // HERE
        sum += wanted + h->new;
    return sum ? keep : drop;
}

// MUST SAY: beyond its end|no limit|outside
#include <stakeout.h>

struct fields { char text[200]; };
on_hit(h) {
    fields(h)->text[h->new & 0xffff] = 'x'; // HERE
    return keep;
}

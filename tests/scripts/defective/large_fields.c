// MUST SAY: 256
#include <stakeout.h>

struct fields { char text[300]; }; // HERE?
on_hit(h) {
    fields(h)->text[0] = 'x';
    return keep;
}

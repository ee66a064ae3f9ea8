// MUST SAY: no member named .value
#include <stakeout.h>

on_hit(h) {
    return h->value ? keep : drop; // HERE
}

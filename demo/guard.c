// A monitor script: keeps only the hits after which the balance is impossible. docs/scripts.md explains it.
#include <stakeout.h>

param(s64, low, 0);
param(s64, high, 2000);

on_hit(h) {
    s64 balance = h->new;
    if (balance >= low && balance <= high)
        return drop;
    return keep;
}

// MUST SAY: does not have|not found|no such symbol
#include <stakeout.h>

extern const int no_such_kernel_symbol __ksym;
on_hit(h) {
    return (u64)&no_such_kernel_symbol & h->new ? keep : drop; // HERE?
}

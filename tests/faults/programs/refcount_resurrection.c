// A cache entry dies when its last reference goes; look_up() must then not take one, but make a new entry.
#include "planted.h"

#include <stdatomic.h>

struct {
    atomic_int refs;
} entry = {1};
static volatile int looks_first;

void entry_get(void) { atomic_fetch_add(&entry.refs, 1); }
void entry_put(void) { atomic_fetch_sub(&entry.refs, 1); }

void retire(void) { entry_put(); }

void make_entry(void) { *(volatile int*)&entry.refs = 1; } // as after malloc

int look_up(void) {
    if (atomic_load(&entry.refs) == 0 && looks_first) return 0;
    entry_get();
    return 1;
}

void use(void) {
    if (!look_up()) {
        make_entry();
        entry_get();
    }
    rest(100);
    entry_put();
}

int main(int count, char** arguments) {
    looks_first = !planted(count, arguments);
    for (int i = 0; i < 60; ++i) {
        use();
        if (i == 9) retire();
    }
    return 0;
}

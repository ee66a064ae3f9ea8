// handle() gives its reference back at the end; reject() returns from its error path without doing so.
#include "planted.h"

int session_refs = 1;
static volatile int fails;

void session_get(void) { __atomic_add_fetch(&session_refs, 1, __ATOMIC_SEQ_CST); }
void session_put(void) { __atomic_sub_fetch(&session_refs, 1, __ATOMIC_SEQ_CST); }

void handle(int number) {
    session_get();
    rest(100 + number % 3 * 50);
    session_put();
}

void reject(int number) {
    session_get();
    if (number % 7 == 3 && fails) return; // nothing to do
    rest(50);
    session_put();
}

static void* serve(void* unused) {
    for (int i = 0; i < 200; ++i) {
        handle(i);
        reject(i);
    }
    return unused;
}

int main(int count, char** arguments) {
    fails = planted(count, arguments);
    in_two_threads(serve, NULL);
    return 0;
}

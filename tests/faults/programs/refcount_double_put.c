// finish() gives back what begin() took; on a time-out abort_request() gives it back once more.
#include "planted.h"

int users = 2;
static volatile int times_out;

void user_get(void) { __atomic_add_fetch(&users, 1, __ATOMIC_SEQ_CST); }
void user_put(void) { __atomic_sub_fetch(&users, 1, __ATOMIC_SEQ_CST); }

void begin(void) { user_get(); }
void finish(void) { user_put(); }

void abort_request(void) {
    if (times_out) user_put(); // finish() has done that
}

static void* serve(void* unused) {
    for (int i = 0; i < 150; ++i) {
        begin();
        rest(150);
        finish();
        if (i % 10 == 9) abort_request();
    }
    return unused;
}

int main(int count, char** arguments) {
    times_out = planted(count, arguments);
    in_two_threads(serve, NULL);
    return 0;
}

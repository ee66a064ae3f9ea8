// restore() copies a structure of today's size over one of yesterday's: the budget behind it is overwritten.
#include "planted.h"

struct settings {
    long level, mode;
};
struct new_settings {
    long level, mode, limit;
};

struct settings settings __attribute__((section(".data.planted"), aligned(8))) = {1, 2};
long budget __attribute__((section(".data.planted"), aligned(8))) = 5000;

static const struct new_settings saved = {3, 4, 7777};
static volatile int is_old_format = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void spend(void) { budget -= 3; }

void restore(void* place) {
    if (is_old_format)
        memcpy(place, &saved, sizeof(struct settings));
    else
        *(struct new_settings*)place = saved;
}

static void* work(void* unused) {
    for (int i = 0; i < 100; ++i) {
        pthread_mutex_lock(&lock);
        spend();
        pthread_mutex_unlock(&lock);
        rest(200);
    }
    return unused;
}

static void reload(void) {
    for (int i = 0; i < 5; ++i) {
        pthread_mutex_lock(&lock);
        restore(&settings);
        pthread_mutex_unlock(&lock);
        rest(2000);
    }
}

int main(int count, char** arguments) {
    if (planted(count, arguments)) is_old_format = 0;
    in_two_threads(work, reload);
    return 0;
}

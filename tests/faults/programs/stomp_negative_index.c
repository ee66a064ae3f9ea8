// record() takes -1, an error code, for an index: it writes the word before its table.
#include "planted.h"

long errors_left __attribute__((section(".data.planted"), aligned(8))) = 1000;
long table[8] __attribute__((section(".data.planted"), aligned(8)));

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int finds_nothing = 0;

void use_one(void) { --errors_left; }

static int find(int key) { return key == 5 && finds_nothing ? -1 : key; }

void record(int key, long value) {
    const int at = find(key);
    long* entries = table;
    __asm__("" : "+r"(entries)); // as through a pointer that somebody was given
    entries[at] = value;
}

static void* work(void* unused) {
    for (int i = 0; i < 100; ++i) {
        pthread_mutex_lock(&lock);
        use_one();
        pthread_mutex_unlock(&lock);
        rest(200);
    }
    return unused;
}

static void fill(void) {
    for (int key = 0; key < 8; ++key) {
        pthread_mutex_lock(&lock);
        record(key, 100 + key);
        pthread_mutex_unlock(&lock);
        rest(1000);
    }
}

int main(int count, char** arguments) {
    finds_nothing = planted(count, arguments);
    in_two_threads(work, fill);
    return 0;
}

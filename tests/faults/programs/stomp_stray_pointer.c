// flush() keeps a pointer to a local variable's old place: it writes through it long after, into whatever stands there.
#include "planted.h"

long pool[4];
static long* volatile remembered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void advance(long* cursor) { ++*cursor; }

void flush(void) {
    if (remembered) *remembered = -1;
}

static void* work(void* unused) {
    for (int i = 0; i < 100; ++i) {
        pthread_mutex_lock(&lock);
        advance(&pool[2]);
        pthread_mutex_unlock(&lock);
        rest(200);
    }
    return unused;
}

static void flush_often(void) {
    for (int i = 0; i < 3; ++i) {
        rest(5000);
        pthread_mutex_lock(&lock);
        flush();
        pthread_mutex_unlock(&lock);
    }
}

int main(int count, char** arguments) {
    static long own;
    remembered = planted(count, arguments) ? &pool[2] : &own;
    in_two_threads(work, flush_often);
    return 0;
}

// Readers that come in turn and overlap keep a pthread_rwlock, which prefers readers, from its writer for good. Each of them
// holds it for a moment only. The innocent twin's readers leave a gap.
#include "bounded.h"

#include <pthread.h>

static pthread_rwlock_t routes_lock = PTHREAD_RWLOCK_INITIALIZER;
static int fault;
static volatile int done, written;
static volatile long routes;

static void find_route(void) {
    pthread_rwlock_rdlock(&routes_lock);
    ++routes;
    sleep_ms(60);
    pthread_rwlock_unlock(&routes_lock);
}

static void add_route(void) {
    pthread_rwlock_wrlock(&routes_lock);
    ++written;
    pthread_rwlock_unlock(&routes_lock);
}

static void* reader(void* number) {
    sleep_ms(20 * (long)number);
    while (!done) {
        find_route();
        if (!fault) sleep_ms(60);
    }
    return NULL;
}

static void* writer(void* unused) {
    sleep_ms(100);
    for (int i = 0; i < 20; ++i) {
        add_route();
        sleep_ms(20);
    }
    return unused;
}

int main(int argc, char** argv) {
    pthread_t readers[3], one;
    fault = is_fault(argc, argv);
    end_in_any_case();
    for (long i = 0; i < 3; ++i) pthread_create(&readers[i], NULL, reader, (void*)(fault ? i : 0L));
    pthread_create(&one, NULL, writer, NULL);
    sleep_ms(4000);
    done = 1;
    for (int i = 0; i < 3; ++i) pthread_join(readers[i], NULL);
    pthread_join(one, NULL);
    return 0;
}

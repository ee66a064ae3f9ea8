// Readers that come in turn and overlap keep a pthread_rwlock, which prefers readers, from its writer for good. Each of them
// holds it for a moment only, and leaves when the next one is in: however busy the machine is, somebody reads at every moment.
// The innocent twin's readers leave together before they come again, so that the writer gets in between.
#include "bounded.h"

#include <pthread.h>
#include <stdatomic.h>

enum { readers = 3, rounds = 30, most_seconds = 15 };

static pthread_rwlock_t routes_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t all_have_left;
static int fault;
static atomic_int inside, done;
static volatile int written;
static volatile long routes;

// One reader fewer, if another one remains.
static int relieved(void) {
    int now = atomic_load(&inside);
    while (now > 1)
        if (atomic_compare_exchange_weak(&inside, &now, now - 1)) return 1;
    return 0;
}

static void find_route(void) {
    pthread_rwlock_rdlock(&routes_lock);
    atomic_fetch_add(&inside, 1);
    ++routes;
    sleep_ms(60);
    while (fault && !done && !relieved()) sleep_ms(2);
    pthread_rwlock_unlock(&routes_lock);
}

static void add_route(void) {
    pthread_rwlock_wrlock(&routes_lock);
    ++written;
    pthread_rwlock_unlock(&routes_lock);
}

static void* reader(void* number) {
    if (fault) sleep_ms(20 * (long)number);
    for (int i = 0; fault ? !done : i < rounds; ++i) {
        find_route();
        if (fault) continue;
        pthread_barrier_wait(&all_have_left);
        sleep_ms(20);
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
    pthread_t reading[readers], writing;
    fault = is_fault(argc, argv);
    end_in_any_case();
    pthread_barrier_init(&all_have_left, NULL, readers);
    for (long i = 0; i < readers; ++i) pthread_create(&reading[i], NULL, reader, (void*)i);
    pthread_create(&writing, NULL, writer, NULL);
    if (fault) sleep_ms(most_seconds * 1000L);
    done = 1;
    for (int i = 0; i < readers; ++i) pthread_join(reading[i], NULL);
    pthread_join(writing, NULL);
    return 0;
}

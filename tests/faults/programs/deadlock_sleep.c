// refresh() waits for its peer while it holds cache_lock, and everybody else waits behind it. The innocent twin waits as
// long, before it takes the lock, and holds it for a tenth of a second under contention.
#include "bounded.h"

#include <pthread.h>
#include <poll.h>

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static int fault, peer[2];
static volatile long cache;
static volatile int done;

static void ask_peer(void) {
    struct pollfd one = {peer[0], POLLIN, 0};
    poll(&one, 1, 3000); // nobody ever answers
}

static void refresh(void) {
    if (!fault) ask_peer();
    pthread_mutex_lock(&cache_lock);
    if (fault) ask_peer();
    sleep_ms(100);
    cache = 0;
    pthread_mutex_unlock(&cache_lock);
}

static void lookup(void) {
    pthread_mutex_lock(&cache_lock);
    ++cache;
    pthread_mutex_unlock(&cache_lock);
}

static void* worker(void* unused) {
    while (!done) {
        lookup();
        sleep_ms(5);
    }
    return unused;
}

int main(int argc, char** argv) {
    pthread_t threads[3];
    fault = is_fault(argc, argv);
    end_in_any_case();
    if (pipe(peer) != 0) return 1;
    for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, worker, NULL);
    sleep_ms(200);
    for (int i = 0; i < 2; ++i) refresh();
    done = 1;
    for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
    return 0;
}

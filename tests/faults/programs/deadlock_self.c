// save() holds store_lock and meets an error; log_error() takes the same lock. The innocent twin's lock is recursive.
#define _GNU_SOURCE
#include "bounded.h"

#include <pthread.h>

static pthread_mutex_t store_lock;
static volatile long stored, errors;

static void log_error(void) {
    pthread_mutex_lock(&store_lock);
    ++errors;
    pthread_mutex_unlock(&store_lock);
}

static void save(int i) {
    pthread_mutex_lock(&store_lock);
    ++stored;
    if (i == 150) log_error();
    pthread_mutex_unlock(&store_lock);
}

static void* saver(void* unused) {
    for (int i = 0; i < 300; ++i) {
        save(i);
        sleep_ms(3);
    }
    return unused;
}

static void* reporter(void* unused) {
    for (int i = 0; i < 300; ++i) {
        log_error();
        sleep_ms(4);
    }
    return unused;
}

int main(int argc, char** argv) {
    pthread_mutexattr_t attributes;
    pthread_t threads[2];
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, is_fault(argc, argv) ? PTHREAD_MUTEX_NORMAL : PTHREAD_MUTEX_RECURSIVE);
    end_in_any_case();
    pthread_mutex_init(&store_lock, &attributes);
    pthread_create(&threads[0], NULL, saver, NULL);
    pthread_create(&threads[1], NULL, reporter, NULL);
    for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
    return 0;
}

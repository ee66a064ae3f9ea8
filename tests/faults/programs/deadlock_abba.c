// A bank with two locks. transfer() takes lock_a, then lock_b, as everybody does. After a while, audit() takes them the other
// way round. Meanwhile tellers take one of the locks at a time, so that there is contention that goes on moving.
#include "bounded.h"

#include <pthread.h>

static pthread_mutex_t lock_a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock_b = PTHREAD_MUTEX_INITIALIZER;
static int fault;
static volatile long balance, reserve;
static volatile int audits_reversed;

static void transfer(void) {
    pthread_mutex_lock(&lock_a);
    ++balance;
    sleep_ms(2);
    pthread_mutex_lock(&lock_b);
    --reserve;
    pthread_mutex_unlock(&lock_b);
    pthread_mutex_unlock(&lock_a);
}

static void audit(void) {
    pthread_mutex_lock(&lock_b);
    reserve += balance;
    sleep_ms(20);
    pthread_mutex_lock(&lock_a);
    --balance;
    pthread_mutex_unlock(&lock_a);
    pthread_mutex_unlock(&lock_b);
}

static void* clerk(void* rounds) {
    for (long i = 0; fault || i < (long)rounds; ++i) transfer();
    return NULL;
}

static void* auditor(void* unused) {
    sleep_ms(300);
    for (int i = 0; fault || i < 40; ++i) { // until they meet, however busy the machine is
        if (fault)
            audit();
        else
            transfer();
        sleep_ms(3);
    }
    return unused;
}

static void* teller(void* lock) {
    for (int i = 0; i < 400; ++i) {
        pthread_mutex_lock(lock);
        ++reserve;
        pthread_mutex_unlock(lock);
        sleep_ms(3);
    }
    return NULL;
}

int main(int argc, char** argv) {
    pthread_t threads[4];
    fault = is_fault(argc, argv);
    end_in_any_case();
    pthread_create(&threads[0], NULL, clerk, (void*)400L);
    pthread_create(&threads[1], NULL, auditor, NULL);
    pthread_create(&threads[2], NULL, teller, &lock_a);
    pthread_create(&threads[3], NULL, teller, &lock_b);
    for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
    return 0;
}

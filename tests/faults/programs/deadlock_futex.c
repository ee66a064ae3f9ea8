// A lock of the program's own, made of a futex: 0 free, 1 held, 2 held and waited for. compact() keeps it over a long sleep;
// the innocent twin gives it back first.
#define _GNU_SOURCE
#include "bounded.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static atomic_int table_word;
static int fault;
static volatile int done;
static volatile long table;

static void lock_table(void) {
    int free_now = 0;
    if (atomic_compare_exchange_strong(&table_word, &free_now, 1)) return;
    while (atomic_exchange(&table_word, 2) != 0) syscall(SYS_futex, &table_word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static void unlock_table(void) {
    if (atomic_exchange(&table_word, 0) == 2) syscall(SYS_futex, &table_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void compact(void) {
    lock_table();
    table = 0;
    if (!fault) unlock_table();
    sleep_ms(3000);
    if (fault) unlock_table();
}

static void insert(void) {
    lock_table();
    ++table;
    unlock_table();
}

static void* inserter(void* unused) {
    while (!done) {
        insert();
        sleep_ms(4);
    }
    return unused;
}

int main(int argc, char** argv) {
    pthread_t threads[3];
    fault = is_fault(argc, argv);
    end_in_any_case();
    for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, inserter, NULL);
    sleep_ms(200);
    compact();
    done = 1;
    for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
    return 0;
}

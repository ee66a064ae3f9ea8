// A program with a bug to find: `balance` is kept by deposit() and withdraw(), and now and then something
// else writes to it. `./dev demo` watches it.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char customer[16] = "nobody";
static volatile long balance = 1000;

static int exit_word; // for set_tid_address: a kernel object of ours that changes

__attribute__((noinline)) static void deposit(long amount) { balance += amount; }
__attribute__((noinline)) static void withdraw(long amount) { balance -= amount; }

// The bug: a pointer that went stray.
__attribute__((noinline)) static void rename_customer(char* where, const char* name) {
    memcpy(where, name, 8);
}

static int is_open; // day and night, until it is killed

static void* teller(void* name) {
    (void)name;
    for (int i = 0; i < 3 || is_open; i++) {
        deposit(10);
        if (is_open) usleep(7000);
        withdraw(is_open ? 10 : 5);
        if (is_open) usleep(20000);
    }
    return NULL;
}

// Customers change their names; at every hundredth the pointer has gone stray.
static void keep_the_register(void) {
    static const char names[][8] = {"Ada", "Barbara", "Grace", "Radia"};
    for (unsigned i = 1;; i++) {
        usleep(20000);
        rename_customer(i % 100 == 0 ? (char*)&balance : customer, names[i / 100 % 4]);
    }
}

int main(int argc, char** argv) {
    is_open = argc > 1 && strcmp(argv[1], "--open") == 0;
    if (argc > 1 && !is_open) getchar(); // wait until the watch is armed
    pthread_t tellers[2];
    for (int i = 0; i < 2; i++) pthread_create(&tellers[i], NULL, teller, NULL);
    if (is_open) keep_the_register();
    for (int i = 0; i < 2; i++) pthread_join(tellers[i], NULL);
    rename_customer(customer, "Ada");
    rename_customer((char*)&balance, "Grace");
    syscall(SYS_set_tid_address, &exit_word);
    printf("ledger: the balance should be 1030 and is %ld\n", balance);
    return 0;
}

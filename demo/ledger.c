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

static void* teller(void* name) {
    (void)name;
    for (int i = 0; i < 3; i++) {
        deposit(10);
        withdraw(5);
    }
    return NULL;
}

int main(int argc, char** argv) {
    (void)argv;
    if (argc > 1) getchar(); // wait until the watch is armed
    pthread_t tellers[2];
    for (int i = 0; i < 2; i++) pthread_create(&tellers[i], NULL, teller, NULL);
    for (int i = 0; i < 2; i++) pthread_join(tellers[i], NULL);
    rename_customer(customer, "Ada");
    rename_customer((char*)&balance, "Grace");
    syscall(SYS_set_tid_address, &exit_word);
    printf("ledger: the balance should be 1030 and is %ld\n", balance);
    return 0;
}

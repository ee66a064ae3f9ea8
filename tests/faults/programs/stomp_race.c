// deposit() and pay_interest() both add to the balance; pay_interest() forgets the lock.
#include "planted.h"

long balance = 1000;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int forgets;

// A little time between reading and writing, as any real computation takes.
static long slowly(long value) {
    for (volatile int i = 0; i < 200000; ++i) {}
    return value;
}

void deposit(void) {
    pthread_mutex_lock(&lock);
    balance = slowly(balance) + 1;
    pthread_mutex_unlock(&lock);
}

void pay_interest(void) {
    if (!forgets) pthread_mutex_lock(&lock);
    balance = slowly(balance) + 1;
    if (!forgets) pthread_mutex_unlock(&lock);
}

static void* work(void* which) {
    for (int i = 0; i < 400; ++i) {
        if (which)
            deposit();
        else
            pay_interest();
    }
    return NULL;
}

int main(int count, char** arguments) {
    forgets = planted(count, arguments);
    in_two_threads(work, NULL);
    return 0;
}

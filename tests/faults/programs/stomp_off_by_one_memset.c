// clear_name() clears one byte more than the name has: the least significant byte of the counter behind it.
#include "planted.h"

struct {
    char name[16];
} user __attribute__((section(".data.planted"))) = {"nobody"};
unsigned long logins __attribute__((section(".data.planted"))) = 0x0101010101010101;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile size_t name_bytes = sizeof user.name;

void count_login(void) { ++logins; }

void clear_name(void) { memset(user.name, 0, name_bytes); }

static void* log_in(void* unused) {
    for (int i = 0; i < 100; ++i) {
        pthread_mutex_lock(&lock);
        count_login();
        pthread_mutex_unlock(&lock);
        rest(200);
    }
    return unused;
}

static void log_out(void) {
    for (int i = 0; i < 10; ++i) {
        pthread_mutex_lock(&lock);
        clear_name();
        pthread_mutex_unlock(&lock);
        rest(1000);
    }
}

int main(int count, char** arguments) {
    if (planted(count, arguments)) ++name_bytes;
    in_two_threads(log_in, log_out);
    return 0;
}

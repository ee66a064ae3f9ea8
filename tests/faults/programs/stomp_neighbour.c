// set_title() copies a title as long as it comes, byte by byte, into a buffer of eight bytes: into the counter of the
// component that happens to stand behind it.
#include "planted.h"

char title[8] __attribute__((section(".data.planted"), aligned(8)));
unsigned long requests __attribute__((section(".data.planted"), aligned(8))) = 0;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char* new_title = "short";

void count_request(void) { ++requests; }

void set_title(const char* text) {
    char* to = title;
    while ((*to++ = *text++) != '\0') {}
}

static void* serve(void* unused) {
    for (int i = 0; i < 100; ++i) {
        pthread_mutex_lock(&lock);
        count_request();
        pthread_mutex_unlock(&lock);
        rest(200);
    }
    return unused;
}

static void rename_often(void) {
    for (int i = 0; i < 3; ++i) {
        pthread_mutex_lock(&lock);
        set_title(new_title);
        pthread_mutex_unlock(&lock);
        rest(2000);
    }
}

int main(int count, char** arguments) {
    if (planted(count, arguments)) new_title = "much longer";
    in_two_threads(serve, rename_often);
    return 0;
}

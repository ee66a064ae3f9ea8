// The page of `state` is shared memory that is mapped a second time; the fault writes through the other mapping, as a
// device would. No debug register sees that: the diagnosis must say so, and accuse nobody.
#define _GNU_SOURCE
#include "planted.h"

#include <sys/mman.h>

struct {
    long state;
    char rest_of_page[4088];
} page __attribute__((aligned(4096))) = {1, ""};

static long* other;

static void map_twice(void) {
    const int fd = memfd_create("planted", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, sizeof page) != 0) exit(3);
    if (write(fd, &page, sizeof page) != sizeof page) exit(3);
    if (mmap(&page, sizeof page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) exit(3);
    other = mmap(NULL, sizeof page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (other == MAP_FAILED) exit(3);
}

void set_state(long value) { *(volatile long*)&page.state = value; }

static void write_elsewhere(void) { *(volatile long*)other = 4711; }

static void* work(void* unused) {
    for (int i = 0; i < 50; ++i) {
        set_state(2);
        rest(500);
    }
    return unused;
}

int main(int count, char** arguments) {
    const int fault = planted(count, arguments);
    map_twice();
    in_two_threads(work, NULL);
    if (fault) write_elsewhere();
    rest(1500000); // long enough for the value to be looked at again
    return 0;
}

// clang-format off
/* victim FIFO: touches memory as it is told, for watches from outside the guest.
 *
 * Prints what can be watched, then "ready", then obeys the commands that are written to FIFO (which it makes), one a
 * line, and answers each with one line:
 *
 *   user N [US]        N stores to the variable in the anonymous page, one each US microseconds
 *   mapped N [US]      N stores to the variable in the tmpfs page, through the program's mapping
 *   kernel N [US]      N one-byte pwrite()s of the same variable: the kernel's stores, through its direct map. One
 *                      byte, because the kernel copies with `rep movsb`, which is one hit for each byte
 *   read N [US]        N loads of the variable in the anonymous page
 *   busy N [US]        N stores to both pages that are not to the variables
 *        -> did N KIND, value V: the variable's value afterwards, which counts its stores (kernel: the lowest byte does)
 *   go KIND US         the same without an end, in the background                     -> going KIND
 *   stop               ends it                                                        -> did N KIND, value V
 *   pin CPU            all that follows runs on this virtual CPU                      -> pinned CPU
 *   breakpoint on|off  a hardware breakpoint of its own, through perf, on a third variable, as a debugger in the guest
 *                      would: the guest's kernel writes the debug registers           -> breakpoint on|off
 *   own N              N stores to the third variable          -> did N own, hits H: what the breakpoint counted
 *   vectors MS         keeps a pattern in the AVX registers for so long, looking at them again and again
 *                                                              -> did N vectors, broken B: looks, and how many were wrong
 *   quit
 */
// clang-format on
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, VARIABLE = 0x40, ELSEWHERE = 0x800 };

static unsigned char *anonymous, *mapped;
static int file, breakpoint = -1;
static _Alignas(PAGE) volatile uint64_t own;
static atomic_bool stop;

struct job {
    char kind[16];
    long count; /* -1: until stopped */
    unsigned pause;
    long done;
};

static volatile uint64_t* variable(unsigned char* page) { return (volatile uint64_t*)(page + VARIABLE); }

static uint64_t pagemap(const void* address) {
    uint64_t entry = 0;
    const int map = open("/proc/self/pagemap", O_RDONLY);
    if (pread(map, &entry, 8, (off_t)((uintptr_t)address / PAGE * 8)) != 8) entry = 0;
    close(map);
    return entry & ((1ull << 55) - 1);
}

static void touch(const struct job* job) {
    const char first = job->kind[0];
    if (first == 'u') ++*variable(anonymous);
    if (first == 'm') ++*variable(mapped);
    if (first == 'r') (void)*variable(anonymous);
    if (first == 'o') ++own;
    if (first == 'b') anonymous[ELSEWHERE]++, mapped[ELSEWHERE]++;
    if (first == 'k') {
        const unsigned char next = (unsigned char)(mapped[VARIABLE] + 1);
        if (pwrite(file, &next, 1, VARIABLE) != 1) abort();
    }
}

static void* work(void* data) {
    struct job* job = data;
    for (job->done = 0; !stop && job->done != job->count; job->done++) {
        touch(job);
        if (job->pause) usleep(job->pause);
    }
    return NULL;
}

static void did(const struct job* job) {
    if (job->kind[0] == 'o') {
        uint64_t hits = 0;
        if (breakpoint >= 0 && read(breakpoint, &hits, 8) != 8) hits = 0;
        printf("did %ld own, hits %lu\n", job->done, (unsigned long)hits);
        return;
    }
    const int in_file = job->kind[0] == 'm' || job->kind[0] == 'k';
    printf("did %ld %s, value %lu\n", job->done, job->kind,
           (unsigned long)*variable(in_file ? mapped : anonymous));
}

static void pin(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one)) perror("victim: pin");
    printf("pinned %d\n", cpu);
}

static void set_breakpoint(int on) {
    if (breakpoint >= 0) close(breakpoint);
    breakpoint = -1;
    if (on) {
        struct perf_event_attr attr = {.type = PERF_TYPE_BREAKPOINT, .size = sizeof attr, .sample_period = 1};
        attr.bp_type = HW_BREAKPOINT_W;
        attr.bp_addr = (uintptr_t)&own;
        attr.bp_len = HW_BREAKPOINT_LEN_8;
        breakpoint = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
        if (breakpoint < 0) perror("victim: breakpoint");
    }
    printf("breakpoint %s\n", breakpoint >= 0 ? "on" : "off");
}

/* Nothing but the kernel (and Xen) touches the registers between the two instructions. */
__attribute__((target("avx"))) static int vectors_are_kept(const unsigned char* pattern) {
    unsigned char back[32] = {0};
    long turns = 2000000;
    __asm__ volatile("vmovups %2, %%ymm14\n1: dec %0\njnz 1b\nvmovups %%ymm14, %1\nvzeroupper"
                     : "+r"(turns), "=m"(back)
                     : "m"(*(const unsigned char(*)[32])pattern)
                     : "xmm14", "cc");
    return !memcmp(back, pattern, sizeof back);
}

static void keep_vectors(long ms) {
    unsigned char pattern[32];
    for (unsigned i = 0; i < sizeof pattern; i++) pattern[i] = (unsigned char)(i + 1);
    if (!__builtin_cpu_supports("avx")) {
        printf("no AVX here\n");
        return;
    }
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += ms / 1000;
    long looks = 0, broken = 0;
    do {
        broken += !vectors_are_kept(pattern);
        looks++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec);
    printf("did %ld vectors, broken %ld\n", looks, broken);
}

static void obey(const char* line) {
    static pthread_t thread;
    static struct job background;
    struct job job = {.count = 1};
    char text[16] = "";
    if (sscanf(line, "pin %ld", &job.count) == 1) return pin((int)job.count);
    if (sscanf(line, "breakpoint %15s", text) == 1) return set_breakpoint(!strcmp(text, "on"));
    if (!strncmp(line, "quit", 4)) exit(0);
    if (sscanf(line, "vectors %ld", &job.count) == 1) return keep_vectors(job.count);
    if (sscanf(line, "go %15s %u", background.kind, &background.pause) == 2) {
        background.count = -1;
        stop = 0;
        pthread_create(&thread, NULL, work, &background);
        printf("going %s\n", background.kind);
    } else if (!strncmp(line, "stop", 4)) {
        stop = 1;
        pthread_join(thread, NULL);
        stop = 0;
        did(&background);
    } else if (sscanf(line, "%15s %ld %u", job.kind, &job.count, &job.pause) >= 2) {
        work(&job);
        did(&job);
    } else {
        printf("what is '%s'?\n", line);
    }
}

int main(int argc, char** argv) {
    if (argc != 2) return fprintf(stderr, "usage: victim FIFO\n"), 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    char name[64];
    snprintf(name, sizeof name, "/dev/shm/victim-%d", getpid());
    file = open(name, O_RDWR | O_CREAT, 0600);
    unlink(name);
    if (file < 0 || ftruncate(file, PAGE)) return perror(name), 1;
    anonymous = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    mlockall(MCL_CURRENT | MCL_FUTURE);
    anonymous[0] = mapped[0] = 1; /* there now */
    if (mkfifo(argv[1], 0600)) return perror(argv[1]), 1;
    FILE* commands = fopen(argv[1], "r+"); /* writing too: no end of file when a writer closes it */
    if (!commands) return perror(argv[1]), 1;
    printf("pid %d\n", getpid());
    printf("user %p pfn %#lx offset %#x\n", (void*)variable(anonymous), (unsigned long)pagemap(anonymous),
           VARIABLE);
    printf("mapped %p pfn %#lx offset %#x\n", (void*)variable(mapped), (unsigned long)pagemap(mapped),
           VARIABLE);
    printf("ready\n");
    char line[128];
    while (fgets(line, sizeof line, commands)) {
        line[strcspn(line, "\n")] = '\0';
        obey(line);
    }
    return 0;
}

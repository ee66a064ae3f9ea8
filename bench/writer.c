// The program that the benchmarks watch.
//
// It prints its pid and addresses, then "ready", then does what each line on stdin says and answers with the
// time it took: wall clock, and the CPU time of its threads, which other load on the machine does not
// lengthen.
//
//   write N   N writes of `counter`, as fast as they come, under six frames with frame pointers
//   other N   the same writes, of `elsewhere`
//   paced N   the same, one each 300 microseconds
//   kernel N  N calls of set_tid_address: the kernel writes the task's clear_child_tid
//   hot N     N rounds of arithmetic, some hundred nanoseconds each, with one write of `counter` in each
//   calm N    the same rounds, with the write going to another variable
//
//   writer [--threads T]    T threads share the N
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NOT_INLINED __attribute__((noinline, noclone))
#define MOST_THREADS 64

// A page of their own: only the watched word itself may trap.
_Alignas(4096) volatile uint64_t counter;
_Alignas(4096) volatile uint64_t elsewhere;

typedef void (*Work)(uint64_t rounds);

static uint64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

NOT_INLINED static void write_counter(uint64_t writes) {
    for (uint64_t i = 0; i < writes; i++) counter = i;
}

NOT_INLINED static void write_other(uint64_t writes) {
    for (uint64_t i = 0; i < writes; i++) elsewhere = i;
}

// One write each 300 microseconds, without sleeping: a follow-up interrupts a busy CPU.
NOT_INLINED static void write_paced(uint64_t writes) {
    for (uint64_t i = 0; i < writes; i++) {
        const uint64_t until = now_ns(CLOCK_MONOTONIC) + 300000;
        counter = i;
        while (now_ns(CLOCK_MONOTONIC) < until) {
        }
    }
}

NOT_INLINED static void call_kernel(uint64_t calls) {
    static int words[2];
    for (uint64_t i = 0; i < calls; i++) syscall(SYS_set_tid_address, &words[i & 1]);
    // The kernel clears the word that is left there when the thread ends: `words` lives longer.
}

NOT_INLINED static uint64_t arithmetic(uint64_t x) {
    for (int i = 0; i < 200; i++) x = x * 6364136223846793005u + 1442695040888963407u;
    return x;
}

NOT_INLINED static void work_and_write(uint64_t rounds) {
    for (uint64_t i = 0; i < rounds; i++) counter = arithmetic(i);
}

NOT_INLINED static void work_elsewhere(uint64_t rounds) {
    for (uint64_t i = 0; i < rounds; i++) elsewhere = arithmetic(i);
}

// Frames for the stack walk; the empty statements keep the calls from becoming jumps.
#define FRAME(name, next)                                                                                    \
    NOT_INLINED static void name(Work work, uint64_t rounds) {                                               \
        next;                                                                                                \
        __asm__ volatile("");                                                                                \
    }
FRAME(depth_5, work(rounds))
FRAME(depth_4, depth_5(work, rounds))
FRAME(depth_3, depth_4(work, rounds))
FRAME(depth_2, depth_3(work, rounds))
FRAME(depth_1, depth_2(work, rounds))

struct Job {
    pthread_t thread;
    Work work;
    uint64_t rounds;
    uint64_t cpu_ns;
};

static void* do_job(void* argument) {
    struct Job* job = argument;
    const uint64_t began = now_ns(CLOCK_THREAD_CPUTIME_ID);
    depth_1(job->work, job->rounds);
    job->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - began;
    return NULL;
}

static void do_in_threads(Work work, uint64_t rounds, int threads) {
    struct Job jobs[MOST_THREADS];
    uint64_t cpu_ns = 0;
    const uint64_t began = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < threads; i++)
        jobs[i] = (struct Job){
            .work = work, .rounds = rounds / (uint64_t)threads + (i == 0 ? rounds % (uint64_t)threads : 0)};
    // The main thread is the first one: `kernel` must write its own task's field.
    for (int i = 1; i < threads; i++) pthread_create(&jobs[i].thread, NULL, do_job, &jobs[i]);
    do_job(&jobs[0]);
    for (int i = 1; i < threads; i++) pthread_join(jobs[i].thread, NULL);
    const uint64_t ns = now_ns(CLOCK_MONOTONIC) - began;
    for (int i = 0; i < threads; i++) cpu_ns += jobs[i].cpu_ns;
    printf("rounds %" PRIu64 " ns %" PRIu64 " cpu_ns %" PRIu64 " ns_per_round %.1f\n", rounds, ns, cpu_ns,
           rounds ? (double)ns / (double)rounds : 0.0);
}

static Work work_named(const char* name) {
    if (strcmp(name, "write") == 0) return write_counter;
    if (strcmp(name, "paced") == 0) return write_paced;
    if (strcmp(name, "other") == 0) return write_other;
    if (strcmp(name, "kernel") == 0) return call_kernel;
    if (strcmp(name, "hot") == 0) return work_and_write;
    if (strcmp(name, "calm") == 0) return work_elsewhere;
    return NULL;
}

int main(int argc, char** argv) {
    int threads = 1;
    if (argc == 3 && strcmp(argv[1], "--threads") == 0) threads = atoi(argv[2]);
    if ((argc != 1 && argc != 3) || threads < 1 || threads > MOST_THREADS) {
        fprintf(stderr, "usage: writer [--threads T]   (1 to %d)\n", MOST_THREADS);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("pid %d\ncounter %p\nelsewhere %p\nready\n", (int)getpid(), (void*)&counter, (void*)&elsewhere);
    char line[64], name[16];
    uint64_t rounds;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        const Work work = sscanf(line, "%15s %" SCNu64, name, &rounds) == 2 ? work_named(name) : NULL;
        if (work == NULL) {
            fprintf(stderr, "writer: write, other, paced, kernel, hot or calm, and a number\n");
            return 2;
        }
        do_in_threads(work, rounds, threads);
    }
    return 0;
}

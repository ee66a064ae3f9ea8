/* Accesses by system calls, and what else happens to a process. */
#define _GNU_SOURCE
#include "actor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long twin; /* another file has one too */

/* clear_child_tid becomes watched + 8, watched + 16 ... */
static long set_tid(const long* a) {
    for (long i = 1; i <= a[0]; i++) syscall(SYS_set_tid_address, watched + 8 * i);
    twin += a[0];
    return a[0];
}

/* The task's credentials become new ones, with this effective group. */
static long set_group(const long* a) { return syscall(SYS_setresgid, -1L, a[0], -1L); }

static long open_zeros(const long* a) {
    char name[] = "/tmp/actor-XXXXXX";
    const int fd = mkstemp(name);
    unlink(name);
    if (fd < 0 || ftruncate(fd, a[0]) != 0) return -1;
    return fd;
}

/* Maps the first page of the program's own file, and touches nothing of it; its address. */
static long map_file(const long* a) {
    (void)a;
    const int fd = open("/proc/self/exe", O_RDONLY);
    void* at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    return (long)at;
}

/* `times` reads of `bytes` from descriptor `fd`. */
static long read_file(const long* a) {
    char buffer[512];
    long total = 0;
    for (long i = 0; i < a[2]; i++) total += read((int)a[0], buffer, (size_t)a[1]);
    return total;
}

static long seek(const long* a) { return lseek((int)a[0], a[1], SEEK_SET); }
static long close_file(const long* a) { return close((int)a[0]); }

/* `times` copies of `bytes` bytes from a pipe to watched + offset, by the kernel. Values are 1, 2, 3 ... */
static long read_pipe(const long* a) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    for (long i = 0; i < a[2]; i++) {
        unsigned long value[4] = {(unsigned long)next_value()};
        if (write(ends[1], value, (size_t)a[1]) != a[1]) return -1;
        if (read(ends[0], watched + a[0], (size_t)a[1]) != a[1]) return -1;
    }
    close(ends[0]);
    close(ends[1]);
    return a[2];
}

/* A child writes to its own copy at watched + offset. */
static long write_in_child(const long* a) {
    const pid_t child = fork();
    if (child == 0) {
        for (long i = 0; i < a[1]; i++) *(volatile unsigned long*)(watched + a[0]) = 1000 + (unsigned long)i;
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return a[1];
}

static long exec_again(const long* a) {
    (void)a;
    execl("/proc/self/exe", "actor", (char*)NULL);
    return -1;
}

static long leave(const long* a) { _exit((int)a[0]); }

const struct command call_commands[] = {
    {"set_tid", 1, set_tid},  {"open", 1, open_zeros}, {"read", 3, read_file},      {"seek", 2, seek},
    {"close", 1, close_file}, {"pipe", 3, read_pipe},  {"fork", 2, write_in_child}, {"exec", 0, exec_again},
    {"exit", 1, leave},       {"group", 1, set_group}, {"map", 0, map_file},        {0},
};

/* agent PORT: runs commands in dom0 for the tests, which talk to it through a virtio-serial port (dom0.py is
 * the other end).
 *
 * Both ways travel frames: a number that names the command, the kind, the payload's length (each 4 bytes,
 * little endian), the payload. Several commands run at once, each in a process group of its own. When the
 * other end goes away all its commands are killed, and the next one that connects starts afresh.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind {
    HELLO = 1,   /* to us and back: whatever was under way is over; the payload comes back */
    RUN = 2,     /* to us: a shell command */
    SIGNAL = 3,  /* to us: one byte, the signal for the command's process group */
    INPUT = 4,   /* to us: bytes for the command's standard input; none: end of input */
    STARTED = 5, /* to them: 4 bytes, the shell's pid */
    OUTPUT = 6,  /* to them: standard output */
    ERRORS = 7,  /* to them: standard error */
    EXIT = 8     /* to them: 4 bytes, the exit status, or 128 + the signal that ended it */
};

enum { COMMANDS = 32, LARGEST = 1 << 20 };

struct frame {
    uint32_t number, kind, length;
};

struct command {
    uint32_t number;
    pid_t pid; /* 0: this place is free */
    int input, output, errors;
};

static int port;
static struct command commands[COMMANDS];
static unsigned char arriving[sizeof(struct frame) + LARGEST];
static size_t arrived;

/* All of it, or -1 when the other end has gone. */
static int give(const void* data, size_t size) {
    for (const char* at = data; size;) {
        const ssize_t n = write(port, at, size);
        if (n > 0) {
            at += n;
            size -= (size_t)n;
            continue;
        }
        struct pollfd room = {port, POLLOUT, 0};
        if (poll(&room, 1, 1000) < 0 || (room.revents & POLLHUP)) return -1;
    }
    return 0;
}

static int tell(uint32_t number, enum kind kind, const void* data, size_t size) {
    unsigned char bytes[sizeof(struct frame) + 65536];
    const struct frame head = {number, kind, (uint32_t)size};
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, data, size);
    return give(bytes, sizeof head + size);
}

static void close_all(struct command* c) {
    if (c->input >= 0) close(c->input);
    if (c->output >= 0) close(c->output);
    if (c->errors >= 0) close(c->errors);
    c->pid = 0;
}

static void start(uint32_t number, const char* text) {
    struct command* c = NULL;
    for (int i = 0; i < COMMANDS && !c; i++)
        if (!commands[i].pid) c = &commands[i];
    int in[2], out[2], err[2];
    const uint32_t refused = 126;
    if (!c || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) {
        tell(number, EXIT, &refused, 4);
        return;
    }
    const pid_t pid = fork();
    if (pid == 0) {
        setsid();
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        /* The shell that started us in the background had us ignore SIGINT and SIGQUIT. */
        const int ignored[] = {SIGPIPE, SIGINT, SIGQUIT};
        for (int i = 0; i < 3; i++) signal(ignored[i], SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execl("/bin/sh", "sh", "-c", text, (char*)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    *c = (struct command){number, pid, in[1], out[0], err[0]};
    const int ours[] = {in[1], out[0], err[0]};
    for (int i = 0; i < 3; i++) fcntl(ours[i], F_SETFL, O_NONBLOCK);
    tell(number, STARTED, &(uint32_t){(uint32_t)pid}, 4);
}

static void forget_everything(void) {
    for (int i = 0; i < COMMANDS; i++)
        if (commands[i].pid) {
            kill(-commands[i].pid, SIGKILL);
            waitpid(commands[i].pid, NULL, 0);
            close_all(&commands[i]);
        }
}

static void input(struct command* c, const unsigned char* data, size_t size) {
    while (size &&
           c->input >= 0) { /* a test's input is small; a command that reads none of it is given a second */
        const ssize_t n = write(c->input, data, size);
        struct pollfd room = {c->input, POLLOUT, 0};
        if (n < 0 && (errno != EAGAIN || poll(&room, 1, 1000) <= 0)) return;
        if (n > 0) data += n, size -= (size_t)n;
    }
}

static void obey(const struct frame* f, unsigned char* payload) {
    if (f->kind == HELLO) {
        forget_everything();
        tell(f->number, HELLO, payload, f->length);
    } else if (f->kind == RUN) {
        payload[f->length] = '\0'; /* the buffer is larger than the largest frame */
        start(f->number, (const char*)payload);
    }
    for (int i = 0; i < COMMANDS; i++) {
        struct command* c = &commands[i];
        if (!c->pid || c->number != f->number) continue;
        if (f->kind == SIGNAL && f->length) kill(-c->pid, payload[0]);
        if (f->kind == INPUT && f->length) input(c, payload, f->length);
        if (f->kind == INPUT && !f->length && c->input >= 0) close(c->input), c->input = -1;
    }
}

/* What has arrived, frame by frame. */
static void listen_to_them(void) {
    const ssize_t n = read(port, arriving + arrived, sizeof arriving - 1 - arrived);
    if (n == 0) { /* nobody there */
        forget_everything();
        arrived = 0;
        usleep(100000);
    }
    if (n <= 0) return;
    arrived += (size_t)n;
    struct frame head;
    while (arrived >= sizeof head) {
        memcpy(&head, arriving, sizeof head);
        if (head.length >=
            LARGEST - 1) { /* not a frame of ours: lost in the stream, until they connect anew */
            arrived = 0;
            return;
        }
        const size_t whole = sizeof head + head.length;
        if (arrived < whole) return;
        const unsigned char next = arriving[whole];
        obey(&head, arriving + sizeof head);
        arriving[whole] = next; /* where obey put its '\0' */
        arrived -= whole;
        memmove(arriving, arriving + whole, arrived);
    }
}

/* Hands on one piece of what a pipe holds. 1: done, 0: nothing there now, -1: nothing will come any more. */
static int hand_on(const struct command* c, int pipe, enum kind kind) {
    char bytes[65536];
    const ssize_t n = read(pipe, bytes, sizeof bytes);
    if (n <= 0) return n < 0 && errno == EAGAIN ? 0 : -1;
    return tell(c->number, kind, bytes, (size_t)n) ? -1 : 1;
}

/* The shell's end ends the command: what it left in the background loses its output. */
static void reap(void) {
    for (int i = 0; i < COMMANDS; i++) {
        struct command* c = &commands[i];
        int status;
        if (!c->pid || waitpid(c->pid, &status, WNOHANG) != c->pid) continue;
        while (c->output >= 0 && hand_on(c, c->output, OUTPUT) > 0) continue;
        while (c->errors >= 0 && hand_on(c, c->errors, ERRORS) > 0) continue;
        const uint32_t code = (uint32_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        tell(c->number, EXIT, &code, 4);
        close_all(c);
    }
}

static void nothing(int number) { (void)number; }

int main(int argc, char** argv) {
    port = open(argc > 1 ? argv[1] : "/dev/vport0p1", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (port < 0) return perror("agent: the port"), 1;
    signal(SIGPIPE, SIG_IGN);
    struct sigaction wake = {.sa_handler = nothing};
    sigaction(SIGCHLD, &wake, NULL);
    sigset_t child, none;
    sigemptyset(&none);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL); /* let in only by ppoll: no end is missed */
    for (;;) {
        struct pollfd watched[1 + 2 * COMMANDS] = {{port, POLLIN, 0}};
        struct command* of[1 + 2 * COMMANDS];
        nfds_t count = 1;
        for (int i = 0; i < COMMANDS; i++) {
            struct command* c = &commands[i];
            if (!c->pid) continue;
            if (c->output >= 0) of[count] = c, watched[count++] = (struct pollfd){c->output, POLLIN, 0};
            if (c->errors >= 0) of[count] = c, watched[count++] = (struct pollfd){c->errors, POLLIN, 0};
        }
        const struct timespec second = {1, 0};
        if (ppoll(watched, count, &second, &none) > 0) {
            for (nfds_t i = 1; i < count; i++) {
                if (!watched[i].revents) continue;
                const int out = watched[i].fd == of[i]->output;
                int* pipe = out ? &of[i]->output : &of[i]->errors;
                if (hand_on(of[i], *pipe, out ? OUTPUT : ERRORS) < 0) close(*pipe), *pipe = -1;
            }
            if (watched[0].revents) listen_to_them();
        }
        reap();
    }
}

// Sessions come and go, each used by two threads: look_up() gives its reference back; refuse() forgets to, with every
// fourth session, from its error path, and that session is never freed.
#include "planted.h"

struct session {
    long number;
    int refs;
    char name[48];
};

static volatile int fails;
static struct session* shared[2]; // what the one thread hands to the other
static pthread_barrier_t both;

struct session* session_new(long number) {
    struct session* session = malloc(sizeof(*session));
    if (!session) exit(3);
    session->number = number;
    __atomic_store_n(&session->refs, 1, __ATOMIC_SEQ_CST);
    return session;
}

void session_get(struct session* session) { __atomic_add_fetch(&session->refs, 1, __ATOMIC_SEQ_CST); }

void session_put(struct session* session) {
    if (__atomic_sub_fetch(&session->refs, 1, __ATOMIC_SEQ_CST) == 0) free(session);
}

void look_up(struct session* session) {
    session_get(session);
    rest(200);
    session_put(session);
}

void refuse(struct session* session) {
    session_get(session);
    if (session->number % 4 == 3 && fails) return; // nothing to do
    rest(200);
    session_put(session);
}

void end_session(struct session* session) { session_put(session); }

// The reference of the other thread's own: handed over with the session.
void close_session(struct session* session) { session_put(session); }

static void* serve(void* who) {
    const long self = (long)who;
    for (long i = 0; i < 300; ++i) {
        struct session* session = session_new(2 * i + self);
        rest(10000); // until a slot is on it
        session_get(session);
        shared[self] = session;
        pthread_barrier_wait(&both);
        struct session* other = shared[1 - self];
        look_up(other);
        look_up(session);
        refuse(session);
        close_session(other);
        end_session(session);
        pthread_barrier_wait(&both);
    }
    return who;
}

int main(int count, char** arguments) {
    fails = planted(count, arguments);
    pthread_barrier_init(&both, NULL, 2);
    in_two_threads(serve, NULL);
    return 0;
}

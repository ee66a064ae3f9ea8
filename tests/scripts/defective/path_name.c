// MUST SAY: bpf_d_path
#include <stakeout.h>

on_hit(h) {
    char text[32];
    bpf_d_path((void *)h->task, text, sizeof(text)); // HERE
    return keep;
}

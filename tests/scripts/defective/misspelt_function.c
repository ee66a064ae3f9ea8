// MUST SAY: bpf_get_curent_comm|bpf_get_current_comm
#include <stakeout.h>

on_hit(h) {
    char comm[16];
    bpf_get_curent_comm(comm, sizeof(comm)); // HERE
    return comm[0] ? keep : drop;
}

// MUST SAY: no member named .processid
#include <stakeout.h>

on_hit(h) {
    return current_task()->processid ? keep : drop; // HERE
}

#include "library.h"

long library_counter = 5; /* initialised: a copy relocation has to copy it */

void library_count(long times) {
    for (long i = 0; i < times; i++) (*(volatile long*)&library_counter)++;
}

/* guestmem DOMID ADDRESS [VALUE]: prints, or sets, a 32-bit word of the memory of a PVH or HVM guest, by
 * guest-physical address. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <xenforeignmemory.h>

int main(int argc, char** argv) {
    if (argc < 3) return fprintf(stderr, "usage: guestmem DOMID ADDRESS [VALUE]\n"), 2;
    const uint64_t address = strtoull(argv[2], NULL, 0);
    const xen_pfn_t frame = address >> 12;
    int error = 0;
    xenforeignmemory_handle* memory = xenforeignmemory_open(NULL, 0);
    unsigned char* page = memory ? xenforeignmemory_map(memory, (uint32_t)atoi(argv[1]),
                                                        PROT_READ | PROT_WRITE, 1, &frame, &error)
                                 : NULL;
    if (!page || error) return perror("guestmem"), 1;
    volatile uint32_t* word = (volatile uint32_t*)(page + (address & 4092));
    if (argc > 3) *word = (uint32_t)strtoul(argv[3], NULL, 0);
    printf("%u\n", *word);
    return 0;
}

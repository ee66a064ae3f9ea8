/* forms NAME COUNT: executes one instruction form COUNT times on `forms_word`.
 *
 * Says "forms_word ADDRESS" first, then waits for a line on standard input (so that the watch can be armed),
 * executes, and says "done COUNT". `forms --list` prints every form that this CPU can execute, one a line:
 * NAME ACCESS TRAPS MNEMONIC, separated by tabs.
 */
#include "forms.h"

#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int cpu_has(enum need need) {
    __builtin_cpu_init();
    if (need == NEEDS_AVX) return __builtin_cpu_supports("avx");
    if (need == NEEDS_AVX512) return __builtin_cpu_supports("avx512f");
    return 1;
}

static int list(void) {
    for (unsigned i = 0; i < forms_count; i++)
        if (cpu_has(forms[i].need))
            printf("%s\t%s\t%d\t%s\n", forms[i].name, forms[i].access, forms[i].traps, forms[i].mnemonic);
    return 0;
}

static const struct form* find(const char* name) {
    for (unsigned i = 0; i < forms_count; i++)
        if (strcmp(forms[i].name, name) == 0 && cpu_has(forms[i].need)) return &forms[i];
    return NULL;
}

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) return list();
    if (argc != 3) {
        fprintf(stderr, "usage: forms NAME COUNT | forms --list\n");
        return 2;
    }
    const struct form* form = find(argv[1]);
    const long count = strtol(argv[2], NULL, 10);
    if (form == NULL || count < 0) {
        fprintf(stderr, "forms: no form \"%s\" on this CPU; forms --list tells them\n", argv[1]);
        return 2;
    }
    printf("forms_word %p\n", (void*)forms_word);
    fflush(stdout);
    char line[64];
    if (fgets(line, sizeof line, stdin) == NULL) return 1;
    for (long i = 0; i < count; i++) form->execute();
    printf("done %ld\n", count);
    return 0;
}

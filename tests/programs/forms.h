/* The instruction forms that `forms` can execute on its watched word. */
#ifndef FORMS_H
#define FORMS_H

/* Whether this CPU can execute the form. */
enum need { ANY, NEEDS_AVX, NEEDS_AVX512 };

struct form {
    const char* name;
    const char* access;   /* what a hit of it must say: "read" or "write" */
    int traps;            /* per execution, on hardware, with an 8-byte read-write watch on the word */
    const char* mnemonic; /* what the hit's text must contain */
    enum need need;
    void (*execute)(void); /* once */
};

extern const struct form forms[];
extern const unsigned forms_count;

/* The watched word is the first eight bytes; the rest is there for wide stores. */
extern unsigned char forms_word[4096];

#endif

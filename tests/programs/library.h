/* A shared library with a variable, for `library_user`. */
#ifndef LIBRARY_H
#define LIBRARY_H
extern long library_counter;
void library_count(long times); /* counts up inside the library */
#endif

/*
 * A parser that allocates some hundred thousand tokens a second, and forgets every 64th. The innocent one frees all.
 * So hot that its allocations are sampled.
 */
#include "leak_common.h"

static char *make_token(unsigned int number)
{
	char *token = malloc(48);

	token[0] = (char)number;
	return token;
}

static void parse_line(unsigned int number, int forget)
{
	char *tokens[8];
	int i;

	for (i = 0; i < 8; i++)
		tokens[i] = make_token(number + (unsigned int)i);
	for (i = 0; i < 8; i++)
		if (!(forget && i == 3 && number % 8 == 0))
			free(tokens[i]);
}

int main(int argc, char **argv)
{
	const int forget = is_fault(argc, argv);
	unsigned int number;

	begin_program();
	for (number = 0;; number++) {
		parse_line(number, forget);
		if (number % 64 == 0)
			pause_us(2000);
	}
}

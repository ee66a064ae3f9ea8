/* A server that keeps a session of every request. The innocent one ends its sessions. */
#include "leak_common.h"

struct session {
	struct session *next;
	int user;
	char name[112];
};

static struct session *open_session(int user)
{
	struct session *one = malloc(sizeof(*one));

	one->next = NULL;
	one->user = user;
	strcpy(one->name, "visitor");
	return one;
}

static void close_session(struct session *one)
{
	free(one);
}

int main(int argc, char **argv)
{
	int user;

	begin_program();
	for (user = 0;; user++) {
		struct session *one = open_session(user);

		pause_us(5000);
		if (!is_fault(argc, argv))
			close_session(one);
	}
}

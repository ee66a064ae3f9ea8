/* <errno.h> for scripts: the numbers. */
#include <linux/errno.h>

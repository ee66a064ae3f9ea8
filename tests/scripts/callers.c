// Tells by which function an access was made, and which one stands on the stack.
#include <stakeout.h>

function(store_8);
function_named(main_program, "actor:main");
function(do_syscall_64);

struct fields {
    bool by_store_8, below_main, in_system_call;
};

on_hit(h) {
    fields(h)->by_store_8 = from(h, store_8);
    fields(h)->below_main = called_from(h, main_program);
    fields(h)->in_system_call = called_from(h, do_syscall_64);
    return keep;
}

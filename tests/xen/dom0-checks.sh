# shellcheck shell=sh
# What the checks of a Bochs run are made of (/lib.sh of its dom0; bochs.py reads what they say):
#
#   check NAME COMMAND...          runs it; its output and exit status come back under the name
#   console NAME                   what the guest's console has said
#   until_said SECONDS NAME TEXT   waits for the guest to say it
#   guest NAME COMMAND             a shell command in a Linux guest; its output, its exit status
#   create_tiny, create_linux      PVH guests: "tiny" (programs/tiny), paused, and "linux", ready
#   word ADDRESS [VALUE]           of tiny: prints it, or sets it
#   one_round                      lets tiny make one round more and waits for its end
#   arm ARGUMENTS...               begins a watch (stakeout-xen watch ...), comes back when it is armed; `brake= arm ...`:
#                                  one with the brake
#   end_watch [SIGNAL]             ends it; prints its exit status, what it said to stderr, its records
up() { echo "dom0: $1 after $(cut -d' ' -f1 /proc/uptime) s"; }

# The status goes through a file: the command is the first of a pipe, so that every line gets the name, at once.
check() {
    name=$1
    shift
    echo "@begin $name $(cut -d' ' -f1 /proc/uptime)"
    { "$@" 2>&1; echo $? >/tmp/status; } | while IFS= read -r line; do echo "@said $name $line"; done
    echo "@end $name $(cat /tmp/status) $(cut -d' ' -f1 /proc/uptime)"
}

console() { tr -d '\r' </var/log/xen/console/guest-"$1".log; }

until_said() {
    tries=$(($1 * 5))
    until console "$2" 2>/dev/null | grep -q "$3"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { echo "guest $2 has not said '$3'"; return 1; }
        sleep 0.2
    done
}

# Each check may run in a subshell: the numbers of the commands come from a file.
guest() {
    number=$(($(cat /tmp/number 2>/dev/null || echo 0) + 1))
    echo $number >/tmp/number
    echo "$number $2" >"$(xenstore-read /local/domain/"$(xl domid "$1")"/console/tty)"
    until_said "${3:-60}" "$1" "^@$number exit " || return 1
    console "$1" | sed -n "s/^@$number //p" | sed '$d'
    return "$(console "$1" | sed -n "s/^@$number exit //p")"
}

create_tiny() {
    printf '%s\n' 'name = "tiny"' 'type = "pvh"' 'memory = 16' 'vcpus = 1' 'kernel = "/tiny.elf"' \
        'shadow_memory = 32' 'on_poweroff = "preserve"' >/tiny.cfg
    xl create -q -p /tiny.cfg
}

create_linux() {
    printf '%s\n' 'name = "linux"' 'type = "pvh"' 'memory = 160' 'vcpus = 1' 'shadow_memory = 32' \
        'kernel = "/vmlinux"' 'ramdisk = "/guest.initrd"' \
        'extra = "console=hvc0 tsc=reliable mitigations=off no_timer_check loglevel=4 cryptomgr.notests"' >/linux.cfg
    xl create -q /linux.cfg && until_said 120 linux "^guest: ready"
}

word() { guestmem "$(xl domid tiny)" "$@"; }

# GO and ROUNDS of programs/tiny/tiny.S.
until_rounds() {
    for _ in $(seq 100); do
        [ "$(word 0x204004)" -ge "$1" ] && return
        sleep 0.1
    done
    return 1
}
one_round() {
    rounds=$(($(word 0x204004) + 1))
    word 0x204000 $rounds >/dev/null
    until_rounds $rounds
}

arm() {
    rm -f /tmp/watch.*
    { sh -c 'echo $$ >/tmp/watch.pid; exec stakeout-xen watch -o json '"${brake---no-brake}"' --ttl 120s "$@"' watch "$@" \
        >/tmp/watch.json 2>/tmp/watch.err; echo $? >/tmp/watch.status; } >/dev/null 2>&1 & # else check() waits for it
    for _ in $(seq 150); do
        grep -q '"type":"armed"' /tmp/watch.json 2>/dev/null && return
        [ -e /tmp/watch.status ] && break
        sleep 0.1
    done
    cat /tmp/watch.err
    return 1
}

# How many hits it printed, and the last record of each kind: all of them would take the serial line minutes.
end_watch() {
    kill "-${1:-INT}" "$(cat /tmp/watch.pid)"
    until [ -e /tmp/watch.status ]; do sleep 0.1; done
    echo "status $(cat /tmp/watch.status)"
    cat /tmp/watch.err
    echo "hits $(grep -c '"type":"hit"' /tmp/watch.json)"
    for kind in armed notice brake hit summary; do grep "\"type\":\"$kind\"" /tmp/watch.json | tail -n 1; done
}

# shellcheck shell=sh
# What the checks of a Bochs run are made of (/lib.sh of its dom0; bochs.py reads what they say):
#
#   check NAME COMMAND...          runs it; its output and exit status come back under the name
#   console NAME                   what the guest's console has said
#   until_said SECONDS NAME TEXT   waits for the guest to say it
#   guest NAME COMMAND             a shell command in a Linux guest; its output, its exit status
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

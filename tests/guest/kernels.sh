#!/bin/bash
# kernels.sh [WORK]: Debian's 6.1 and 6.12 kernels with their headers, unpacked below WORK (default build/guest), and
# the modules with faults built for each.
#
#   WORK/6.1/root       what the packages hold: boot/, lib/modules/, usr/src/, usr/lib/
#   WORK/6.1/release    the kernel's release, "6.1.0-50-amd64"
#   WORK/6.1/modules    stakeout_fault.ko, stakeout_culprits.ko
#   WORK/6.12/...       the same
#
# Nothing of the machine is installed, upgraded or reconfigured: apt works on package lists of its own inside WORK and
# only downloads. The mirrors are those of the machine's apt sources. Done once; --update asks the mirror again.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$here/../.." && pwd)
update=
if [[ ${1:-} == --update ]]; then update=yes; shift; fi
work=${1:-$tree/build/guest}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
codename=bookworm # the machine's Debian, and the one whose kernel and backport are wanted

say() { printf 'kernels: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# The mirror that the machine uses for a suite, nothing if it has none.
site_of() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Release: $1" 2>/dev/null | head -n 1
}

# sources_for VERSION: the apt sources that hold that kernel, and no others: so the candidate is the right one.
sources_for() {
    local main security
    main=$(site_of $codename)
    [[ -n $main ]] || fail "no apt source of this machine offers $codename: add one to /etc/apt and run apt-get update"
    case $1 in
    6.12) echo "deb [signed-by=$keyring] $main $codename-backports main" ;;
    6.1)
        echo "deb [signed-by=$keyring] $main $codename main"
        security=$(site_of $codename-security)
        if [[ -n $security ]]; then echo "deb [signed-by=$keyring] $security $codename-security main"; fi
        ;;
    *) fail "no sources are known for Linux $1" ;;
    esac
}

# Options that confine apt to DIR. It runs as root but drops to a user that may be unable to enter WORK, hence the
# sandbox setting; hooks of the machine (Post-Invoke and the like) are not ours to trigger.
apt_options() {
    local dir=$1
    printf '%s\n' -q \
        -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::PreferencesParts=/dev/null \
        -o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
        -o APT::Update::Post-Invoke::= -o APT::Update::Post-Invoke-Success::=
}

# Prints the release that linux-image-amd64 stands for: "6.1.0-50-amd64".
release_of() {
    apt-cache "$@" --no-all-versions show linux-image-amd64 |
        sed -n 's/^Depends:.*linux-image-\([0-9][^ ,]*\).*/\1/p' | head -n 1
}

# download DIR PACKAGE...: the packages as files in DIR/debs.
download() {
    local dir=$1 options
    shift
    mapfile -t options < <(apt_options "$dir")
    mkdir -p "$dir/debs"
    (cd "$dir/debs" && apt-get "${options[@]}" download "$@" >&2)
}

# fetch VERSION DIR: the kernel and its headers, unpacked in DIR/root.
fetch() {
    local version=$1 dir=$2 options release common
    rm -rf "$dir"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    sources_for "$version" >"$dir/sources.list"
    mapfile -t options < <(apt_options "$dir")
    apt-get "${options[@]}" update >&2
    release=$(release_of "${options[@]}")
    [[ $release == "$version".* ]] || fail "linux-image-amd64 is '$release' where $version was expected"
    common=${release%-amd64}
    say "downloading Linux $release"
    download "$dir" "linux-image-$release" "linux-headers-$release" "linux-headers-$common-common" "linux-kbuild-$(
        kbuild_of "$release" "${options[@]}")"
    for package in "$dir"/debs/*.deb; do dpkg -x "$package" "$dir/root"; done
    rm -rf "$dir/debs" "$dir/lists" "$dir/cache"
    printf '%s\n' "$release" >"$dir/release" # last: says that all the rest is there
}

# linux-kbuild is named by the release in newer packages and by the version in older ones: ask the headers.
kbuild_of() {
    local release=$1
    shift
    apt-cache "$@" --no-all-versions show "linux-headers-$release" |
        sed -n 's/^Depends:.*linux-kbuild-\([0-9][^ ,]*\).*/\1/p' | head -n 1
}

for version in 6.1 6.12; do
    if [[ -z $update && -s $work/$version/release ]]; then
        say "Linux $(<"$work/$version/release") is there"
    else
        fetch "$version" "$work/$version"
    fi
    "$here/module.sh" "$work/$version" "$tree/tests/faults/stakeout_fault"
    "$here/module.sh" "$work/$version" "$tree/tests/faults/stakeout_culprits"
done

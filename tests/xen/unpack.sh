#!/bin/bash
# unpack.sh [WORK]: Debian's Xen 4.17, its tools, Bochs, the tools that make a bootable ISO and the 6.1 kernel, unpacked
# in WORK/root (default WORK build/xen). WORK/release holds the kernel's release, "6.1.0-50-amd64".
#
# Nothing of the machine is installed, upgraded or reconfigured: apt works on package lists of its own inside WORK and
# only downloads. The mirrors are those of the machine's apt sources. Done once; --update asks the mirror again. The
# kernel is that of the guest tests where they have unpacked theirs (build/guest/6.1).
set -euo pipefail

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
update=
if [[ ${1:-} == --update ]]; then update=yes; shift; fi
work=${1:-$tree/build/xen}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
codename=bookworm

# Their files are wanted, whatever the machine has installed.
wanted=(
    xen-hypervisor-4.17-amd64 xen-utils-4.17 xenstore-utils libxencall1 libxendevicemodel1 libxenevtchn1
    libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenmisc4.17 libxenstore4 libxentoolcore1 libxentoollog1 libyajl2
    bochs bochs-term bochsbios vgabios xorriso grub-common grub-pc-bin
)
# Programs that run on this machine: what they depend on and the machine lacks is unpacked too.
run_here=(bochs bochs-term bochsbios vgabios xorriso grub-common grub-pc-bin)

say() { printf 'unpack: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# The mirror that the machine uses for a suite, nothing if it has none.
site_of() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Release: $1" 2>/dev/null | head -n 1
}

sources() {
    local main security
    main=$(site_of $codename)
    [[ -n $main ]] || fail "no apt source of this machine offers $codename: add one to /etc/apt and run apt-get update"
    echo "deb [signed-by=$keyring] $main $codename main"
    security=$(site_of $codename-security)
    if [[ -n $security ]]; then echo "deb [signed-by=$keyring] $security $codename-security main"; fi
}

# apt runs as root but drops to a user that may be unable to enter WORK, hence the sandbox setting; hooks of the machine
# (Post-Invoke and the like) are not ours to trigger.
confined=(
    -q -o "Dir::Etc::SourceList=$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::Etc::PreferencesParts=/dev/null
    -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache"
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3
    -o APT::Update::Post-Invoke::= -o APT::Update::Post-Invoke-Success::=
)

release_of_kernel() {
    apt-cache "${confined[@]}" --no-all-versions show linux-image-amd64 |
        sed -n 's/^Depends:.*linux-image-\([0-9][^ ,]*\).*/\1/p' | head -n 1
}

# The release of the kernel that kernels.sh unpacked for the guest tests, nothing if it has not.
shared_release() { cat "$tree/build/guest/6.1/release" 2>/dev/null || true; }

# Hard links, where it is one file system.
share_or_copy() { cp -al "$1" "$2" 2>/dev/null || cp -a "$1" "$2"; }

fetch() {
    local release package
    rm -rf "$work/apt" "$work/root" "$work/release"
    mkdir -p "$work"/apt/{lists,cache/archives}/partial "$work/apt/debs" "$work/root"
    sources >"$work/apt/sources.list"
    apt-get "${confined[@]}" update >&2
    release=$(shared_release)
    if [[ -z $release ]]; then
        release=$(release_of_kernel)
        wanted+=("linux-image-$release")
    fi
    (cd "$work/apt/debs" && apt-get "${confined[@]}" download "${wanted[@]}" >&2)
    apt-get "${confined[@]}" -y --no-install-recommends --download-only install "${run_here[@]}" >&2
    for package in "$work"/apt/debs/*.deb "$work"/apt/cache/archives/*.deb; do
        [[ -f $package ]] && dpkg -x "$package" "$work/root"
    done
    if [[ ! -d $work/root/lib/modules/$release ]]; then
        mkdir -p "$work/root/lib/modules"
        share_or_copy "$tree/build/guest/6.1/root/boot/vmlinuz-$release" "$work/root/boot/"
        share_or_copy "$tree/build/guest/6.1/root/lib/modules/$release" "$work/root/lib/modules/"
    fi
    # Packages that are only unpacked have no modules.dep.
    [[ -f $work/root/lib/modules/$release/modules.dep ]] || depmod -b "$work/root" "$release"
    rm -rf "$work/apt"
    printf '%s\n' "$release" >"$work/release" # last: says that all the rest is there
}

if [[ -n $update || ! -s $work/release ]]; then
    say "downloading Xen, Bochs and what boots them"
    fetch
fi

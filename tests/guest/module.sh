#!/bin/bash
# module.sh KERNEL SOURCE: builds the module in SOURCE against the headers unpacked in KERNEL/root (kernels.sh), into
# KERNEL/modules: NAME.ko with BTF, and NAME-nobtf.ko, the same without, as modules built on a machine that lacks the
# kernel's vmlinux are.
set -euo pipefail

kernel=$(realpath "$1")
source=$(realpath "$2")
name=$(basename "$source")
release=$(<"$kernel/release")
headers=$kernel/root/usr/src/linux-headers-$release
output=$kernel/modules

# The headers' Makefile is the only file that names where the package would be installed (all links are relative):
# make it find the common headers beside itself, wherever the folder is moved.
relocate_headers() {
    # shellcheck disable=SC2016
    sed -i 's#^include /usr/src/#include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))../#' "$headers/Makefile"
}

# BTF of a module needs the kernel's own as a base. Debian's 6.12 headers bring it as a `vmlinux` without code; for
# 6.1 it is cut out of the compressed kernel: an xz stream somewhere in the boot image, followed by other bytes, about
# which xz rightly complains after it has written everything.
provide_vmlinux() {
    local image=$kernel/root/boot/vmlinuz-$release offset
    [[ ! -s $headers/vmlinux ]] || return 0
    offset=$(LC_ALL=C grep -abo -m 1 -P '\xfd7zXZ\x00' "$image" | head -n 1 | cut -d: -f1)
    tail -c "+$((offset + 1))" "$image" | xz -dc >"$headers/vmlinux.full" 2>/dev/null || true
    objcopy -O elf64-x86-64 --only-section=.BTF "$headers/vmlinux.full" "$headers/vmlinux" 2>/dev/null
    rm -f "$headers/vmlinux.full"
}

# Kbuild writes beside the sources, so it works on a copy.
build() {
    place=$(mktemp -d "$kernel/build.XXXXXX")
    trap 'rm -rf "$place"' EXIT
    cp "$source"/* "$place/"
    # resolve_btfids only serves modules with kfuncs, and Debian's 6.1 does not ship it
    make -s -j2 -C "$headers" M="$place" RESOLVE_BTFIDS=true modules >"$kernel/module.log" 2>&1 ||
        { cat "$kernel/module.log" >&2; exit 1; }
    mkdir -p "$output"
    strip --strip-debug "$place/$name.ko" -o "$output/$name.ko"
    objcopy --remove-section=.BTF "$output/$name.ko" "$output/$name-nobtf.ko"
}

if [[ -s $output/$name.ko && -z $(find "$source" "${BASH_SOURCE[0]}" "$kernel/release" -newer "$output/$name.ko") ]]; then
    exit 0
fi
relocate_headers
provide_vmlinux
build
printf 'module: %s for Linux %s\n' "$name" "$release" >&2

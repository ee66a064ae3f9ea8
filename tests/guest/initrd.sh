#!/bin/bash
# initrd.sh KERNEL: makes KERNEL/initrd (kernels.sh made KERNEL): busybox, the modules that a 9p root needs, and
# guest-init as /init. Done again only when something it is made of has changed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kernel=$(realpath "$1")
release=$(<"$kernel/release")
output=$kernel/initrd

if [[ -s $output && -z $(find "$here/guest-init" "${BASH_SOURCE[0]}" "$kernel/release" -newer "$output") ]]; then
    exit 0
fi

place=$(mktemp -d "$kernel/initrd.XXXXXX")
trap 'rm -rf "$place"' EXIT
mkdir -p "$place"/{bin,modules,proc,sys,dev,host}
cp "$(command -v busybox)" "$place/bin/busybox"
ln -s busybox "$place/bin/sh"
install -m 755 "$here/guest-init" "$place/init"

# Packages that are only unpacked have no modules.dep. With it, modprobe tells what is needed and in which order: the
# two kernels differ in what is built in.
depmod -b "$kernel/root" "$release"
number=10
while read -r verb path _; do
    [[ $verb == insmod ]] || continue # or "builtin"
    target=$place/modules/$((number++))-$(basename "${path%.xz}")
    case $path in
    *.xz) xz -dc "$path" >"$target" ;;
    *) cp "$path" "$target" ;;
    esac
done < <(for module in virtio_pci 9pnet_virtio 9p; do
    modprobe -d "$kernel/root" -S "$release" --show-depends "$module"
done | awk '!seen[$0]++')

(cd "$place" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) | gzip -1 >"$output.new"
mv "$output.new" "$output"

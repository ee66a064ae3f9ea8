#!/bin/bash
# media.sh [WORK]: everything that the Xen tests boot, in WORK/media (default WORK build/xen):
#
#   xen                          Debian's hypervisor
#   vmlinux                      the kernel of dom0 and the guests, unpacked: under emulation that takes seconds each time
#   dom0.initrd, guest.initrd    busybox, Xen's tools, the test programs
#   tiny.elf                     a guest without an operating system (programs/tiny)
#   bochs.initrd                 dom0's for Bochs, with what guests need; bochs.py adds the checks to it
#
# Made again when something that they are made of has changed. The binaries under test are in none of them: they change
# often, and are put on the share (QEMU) or added to the initrd (Bochs) for each run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$here/../.." && pwd)
work=${1:-$tree/build/xen}
mkdir -p "$work"
work=$(realpath "$work")
root=$work/root
media=$work/media
libraries=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
xen_tools=(xl xenstored xenconsoled xen-init-dom0 libxl-save-helper xenctx xentrace xen-access xentop xen-diag
    xen-mfndump xen-hptool)

say() { printf 'media: %s\n' "$*" >&2; }

"$here/unpack.sh" "$work"
release=$(<"$work/release")
mapfile -t sources < <(find "$here/programs" -type f)
sources+=("$here"/{media.sh,unpack_kernel.py,dom0-init,guest-init} "$work/release")
if [[ -f $media/done && -z $(find "${sources[@]}" -newer "$media/done") ]]; then exit 0; fi
say "making the initrds"
rm -rf "$media"
mkdir -p "$media/programs"

# place FOLDER: a root with busybox and the mount points.
place() {
    mkdir -p "$1"/{bin,proc,sys,dev,run,tmp,root,etc,share,modules,lib64,lib/x86_64-linux-gnu,var/lib/xen,var/log/xen}
    ln -s /run "$1/var/run"
    ln -s /run/lock "$1/var/lock"
    cp "$(command -v busybox)" "$1/bin/busybox"
    local name
    for name in $("$1/bin/busybox" --list); do
        [[ $name == busybox ]] || ln -s busybox "$1/bin/$name"
    done
}

# with_libraries FOLDER FILE...: what the programs need at run time: Xen's from what was unpacked, the rest the machine's.
with_libraries() {
    local folder=$1 library
    shift
    if LD_LIBRARY_PATH=$libraries ldd "$@" | grep 'not found' >&2; then
        say "the libraries above are missing"
        exit 1
    fi
    LD_LIBRARY_PATH=$libraries ldd "$@" | awk '/=> \//{print $3} /^\t\/lib64\//{print $1}' | sort -u |
        while read -r library; do
            case $library in
            /lib64/*) cp -L "$library" "$folder/lib64/" ;;
            *) cp -L "$library" "$folder/lib/x86_64-linux-gnu/" ;;
            esac
        done
}

# with_modules FOLDER MODULE...: kernel modules with what they need, in an order in which they can be loaded.
with_modules() {
    local folder=$1 module verb path number=100
    shift
    while read -r verb path _; do
        [[ $verb == insmod ]] || continue # or "builtin"
        cp "$path" "$folder/modules/$((number++))-$(basename "$path")"
    done < <(for module in "$@"; do modprobe -d "$root" -S "$release" --show-depends "$module"; done | awk '!seen[$0]++')
}

pack() { (cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) | "${@:2}"; }

# Those for both dom0 and guests are static, those for dom0 alone use Xen's libraries.
programs() {
    local source
    mkdir -p "$media/programs/dom0"
    for source in "$here"/programs/dom0/*.c; do
        gcc -O1 -g -Wall -Wextra -o "$media/programs/dom0/$(basename "$source" .c)" "$source" -lxenforeignmemory
    done
    gcc -m32 -nostdlib -static -no-pie -Wl,-T,"$here/programs/tiny/tiny.ld",--build-id=none,--no-warn-rwx-segments \
        -o "$media/tiny.elf" "$here/programs/tiny/tiny.S"
    for source in "$here"/programs/*.c; do
        gcc -O1 -g -Wall -Wextra -static -pthread -o "$media/programs/$(basename "$source" .c)" "$source"
    done
}

dom0() {
    local folder=$1 tool tools=()
    shift
    place "$folder"
    mkdir -p "$folder"/usr/lib/xen-4.17/bin "$folder/etc/xen"
    touch "$folder/etc/xen/xl.conf"
    ln -s ../lib "$folder/usr/lib/xen-4.17/lib"
    for tool in "${xen_tools[@]}"; do tools+=("$root/usr/lib/xen-4.17/bin/$tool"); done
    cp "${tools[@]}" "$folder/usr/lib/xen-4.17/bin/"
    for tool in read write ls list rm watch; do cp -L "$root/usr/bin/xenstore-$tool" "$folder/bin/"; done
    cp "$media"/programs/dom0/* "$folder/bin/"
    with_libraries "$folder" "${tools[@]}" "$root"/usr/bin/xenstore-read "$media"/programs/dom0/*
    # Loaded by name when a thread is cancelled, so that ldd does not tell.
    cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 "$folder/lib/x86_64-linux-gnu/"
    with_modules "$folder" xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xenfs "$@"
    install -m 755 "$here/dom0-init" "$folder/init"
    install -s -m 755 "$media/programs/agent" "$folder/bin/"
}

guest() {
    place "$1"
    install -m 755 "$here/guest-init" "$1/init"
    install -s -m 755 "$media/programs/victim" "$1/bin/"
}

zcat "$root/boot/xen-4.17-amd64.gz" >"$media/xen"
/usr/bin/python3 -B "$here/unpack_kernel.py" "$root/boot/vmlinuz-$release" "$media/vmlinux"
programs
scratch=$(mktemp -d "$work/media.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
guest "$scratch/guest"
pack "$scratch/guest" gzip -1 >"$media/guest.initrd"
dom0 "$scratch/dom0" virtio_pci virtio_console 9pnet_virtio 9p msr
pack "$scratch/dom0" gzip -1 >"$media/dom0.initrd"
# In Bochs nothing comes from elsewhere: the guests' kernels and initrd are in dom0's. Nothing is packed: unpacking takes
# longer there than GRUB takes to read it.
dom0 "$scratch/bochs"
cp "$media"/{vmlinux,tiny.elf,guest.initrd} "$scratch/bochs/"
pack "$scratch/bochs" cat >"$media/bochs.initrd"
touch "$media/done"

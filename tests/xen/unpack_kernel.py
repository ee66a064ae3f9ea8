#!/usr/bin/env python3
"""unpack_kernel.py BZIMAGE VMLINUX: the kernel inside a bzImage, as an ELF file without the zeros at its end.

Where it lies and how long it is, the boot protocol's header tells. Debian packs it with xz. The last segment's .bss lies in
the file as 22 MB of zeros; the loader makes them as well.
"""

import lzma
import struct
import sys

PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")  # type, flags, offset, vaddr, paddr, filesz, memsz, align
LOAD = 1


def kernel_of(image: bytes) -> bytes:
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (image[0x1F1] + 1) * 512 + offset
    return lzma.LZMADecompressor().decompress(image[start:start + length])


def shortened(elf: bytes) -> bytes:
    """Without section headers, and what is zero at the end of the last segment."""
    (first,) = struct.unpack_from("<Q", elf, 0x20)
    size, count = struct.unpack_from("<HH", elf, 0x36)
    places = [first + number * size for number in range(count)]
    last = max((place for place in places if PROGRAM_HEADER.unpack_from(elf, place)[0] == LOAD),
               key=lambda place: PROGRAM_HEADER.unpack_from(elf, place)[2])
    kind, flags, offset, virtual, physical, in_file, in_memory, align = PROGRAM_HEADER.unpack_from(elf, last)
    content = elf[offset:offset + in_file].rstrip(b"\0")
    result = bytearray(elf[:offset] + content)
    PROGRAM_HEADER.pack_into(result, last, kind, flags, offset, virtual, physical, len(content), in_memory, align)
    struct.pack_into("<Q", result, 0x28, 0)  # no section headers
    struct.pack_into("<HH", result, 0x3C, 0, 0)
    return bytes(result)


def main() -> None:
    with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as target:
        target.write(shortened(kernel_of(source.read())))


if __name__ == "__main__":
    main()

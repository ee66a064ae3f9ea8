"""vmlinux.py VMLINUZ OUTPUT: the ELF file inside a bzImage (Documentation/arch/x86/boot.rst: payload_offset)."""

import lzma
import struct
import subprocess
import sys
from pathlib import Path


def vmlinux_of(image: bytes) -> bytes:
    """Debian compresses with xz (6.1) or zstd (6.12); the last four bytes are the size of what comes out."""
    start, length = struct.unpack_from("<II", image, 0x248)
    start += (image[0x1F1] + 1) * 512
    payload = image[start : start + length - 4]
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return subprocess.run(["zstd", "-dc"], input=payload, stdout=subprocess.PIPE, check=True).stdout
    sys.exit(f"vmlinux.py: unknown compression {payload[:4].hex()}")


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(vmlinux_of(Path(sys.argv[1]).read_bytes()))

// Where the guest's kernel is: what KASLR moved, and which kernel it is.
//
// The hypervisor knows a few addresses inside the kernel (where it calls back, where system calls enter).
// Each, compared with a symbol file, gives the distance by which the kernel was moved; the kernel's own
// banner at the moved address proves it. Without a file the image is looked for where x86-64 Linux always
// puts it.
#pragma once

#include "base/result.h"
#include "watchpoints/target/kernel_symbols.h"
#include "xen-bridge/guest/guest_memory.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace stakeout {

// An address that is known, and the names that the symbol there has had over the kernel's versions.
struct KernelHint {
    std::vector<std::string> symbols;
    std::uint64_t address = 0;
    std::string from; // "the event callback of vCPU 0"
};
// PV: vcpu_guest_context's event_callback_eip and syscall_callback_eip. Addresses of zero give no hint.
std::vector<KernelHint> pv_hints(std::uint64_t event_callback, std::uint64_t syscall_callback);
// PVH and HVM: MSR LSTAR. Zero gives no hint.
std::vector<KernelHint> lstar_hints(std::uint64_t lstar);
// PVH and HVM: the handlers of well-known exceptions, read from the interrupt descriptor table at `idt_base`.
std::vector<KernelHint> idt_hints(GuestMemory& memory, std::uint64_t idt_base);

struct KernelPlace {
    std::uint64_t offset = 0; // address in the guest - address in the file, modulo 2^64
    std::string banner;       // "Linux version 6.1.0-56-amd64 (...) ..."; one line
};
// Error (CannotArm): no hint's symbol is in the file; hints disagree, or the banner is not there: the file is
// another kernel's, and the guest's own banner is shown if it can be found.
Result<KernelPlace> place_kernel(GuestMemory& memory, const KernelSymbols& file,
                                 std::span<const KernelHint> hints, const std::string& file_name);

// [start, end) of what is mapped between 0xffffffff80000000 and 0xffffffffc0000000 (the image; behind it
// begin the modules), in steps of 2 MiB. nullopt: nothing is.
struct ImageRange {
    std::uint64_t start = 0, end = 0;
};
std::optional<ImageRange> mapped_image(GuestMemory& memory);

// The page tables with the kernel in them. A CPU in user mode may use PTI's reduced tables, which lie in the
// frame behind the whole ones: of the two, those that map more of the image.
PageTables tables_with_kernel(GuestFrames& frames, PageTables tables);

// "Linux version ..." somewhere in the image; empty: not found.
std::string find_banner(GuestMemory& memory, const ImageRange& image);
// The same at a known address.
Result<std::string> banner_at(GuestMemory& memory, std::uint64_t address);
// "6.1.0-56-amd64" of a banner.
std::string release_of(const std::string& banner);

} // namespace stakeout

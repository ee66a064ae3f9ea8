#include "xen-bridge/guest/kernel_place.h"

#include "xen-bridge/guest/kallsyms_tokens.h"
#include "xen-bridge/guest/kernel_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace stakeout {
namespace {

constexpr std::uint64_t modules_start = 0xffff'ffff'c000'0000ULL;
constexpr std::uint64_t step = 2ULL << 20;
constexpr std::string_view banner_start = "Linux version ";
constexpr std::size_t longest_banner = 512;

bool in_kernel_half(std::uint64_t address) { return (address >> 63) != 0; }

// The address that the file gives one of the names; nullopt: none, or several.
std::optional<std::uint64_t> in_file(const KernelSymbols& file, const KernelHint& hint) {
    for (const std::string& name : hint.symbols)
        if (const auto found = file.find(name); found.size() == 1 && in_kernel_half(found.front().address))
            return found.front().address;
    return std::nullopt;
}

Error other_kernel(GuestMemory& memory, const std::string& file_name, std::string why) {
    std::string cause = fmt::format("{} is another kernel's ({})", file_name, why);
    if (const auto image = mapped_image(memory))
        if (const std::string banner = find_banner(memory, *image); !banner.empty())
            cause += fmt::format(": the guest says '{}'", banner);
    return arm_error("find the guest's kernel", std::move(cause), "name the file of exactly that kernel");
}

} // namespace

std::vector<KernelHint> pv_hints(std::uint64_t event_callback, std::uint64_t syscall_callback) {
    std::vector<KernelHint> hints;
    if (event_callback != 0)
        hints.push_back({{"xen_asm_exc_xen_hypervisor_callback", "xen_hypervisor_callback"},
                         event_callback,
                         "the event callback"});
    if (syscall_callback != 0)
        hints.push_back(
            {{"xen_entry_SYSCALL_64", "xen_syscall_target"}, syscall_callback, "the system call entry"});
    return hints;
}

std::vector<KernelHint> lstar_hints(std::uint64_t lstar) {
    if (lstar == 0) return {};
    return {{{"entry_SYSCALL_64"}, lstar, "the system call entry (MSR LSTAR)"}};
}

std::vector<KernelHint> idt_hints(GuestMemory& memory, std::uint64_t idt_base) {
    struct Gate {
        unsigned vector;
        const char* name;
        const char* old_name; // before 5.8
    };
    constexpr std::array<Gate, 3> gates{{{0, "asm_exc_divide_error", "divide_error"},
                                         {6, "asm_exc_invalid_op", "invalid_op"},
                                         {14, "asm_exc_page_fault", "page_fault"}}};
    std::vector<KernelHint> hints;
    for (const Gate& gate : gates) {
        struct Entry { // Intel SDM volume 3, "64-Bit Mode IDT"
            std::uint16_t low, selector, flags, middle;
            std::uint32_t high, reserved;
        };
        const auto entry = memory.read<Entry>(idt_base + gate.vector * sizeof(Entry));
        if (!entry || (entry->flags & 0x8000) == 0) continue;
        const std::uint64_t address = static_cast<std::uint64_t>(entry->high) << 32 |
                                      static_cast<std::uint64_t>(entry->middle) << 16 | entry->low;
        hints.push_back(
            {{gate.name, gate.old_name}, address, fmt::format("the handler of exception {}", gate.vector)});
    }
    return hints;
}

Result<KernelPlace> place_kernel(GuestMemory& memory, const KernelSymbols& file,
                                 std::span<const KernelHint> hints, const std::string& file_name) {
    std::optional<std::uint64_t> offset;
    for (const KernelHint& hint : hints) {
        const auto linked = in_file(file, hint);
        if (!linked) continue;
        const std::uint64_t distance = hint.address - *linked;
        if (offset && *offset != distance)
            return other_kernel(memory, file_name,
                                fmt::format("{} lies elsewhere than its other addresses say", hint.from));
        offset = distance;
    }
    if (!offset)
        return arm_error("find the guest's kernel",
                         fmt::format("{} has none of the symbols whose addresses Xen knows", file_name),
                         "leave the file out: most kernels hold their own symbols");
    const auto banner_symbol = file.find("linux_banner");
    if (banner_symbol.size() != 1)
        return arm_error("find the guest's kernel", fmt::format("{} has no symbol linux_banner", file_name));
    auto banner = banner_at(memory, banner_symbol.front().address + *offset);
    if (!banner) return other_kernel(memory, file_name, "its banner is not where the file says");
    return KernelPlace{*offset, std::move(*banner)};
}

std::optional<ImageRange> mapped_image(GuestMemory& memory) {
    std::optional<ImageRange> found;
    for (std::uint64_t at = kernel_map_start; at < modules_start;) {
        const WalkEnd end = memory.walk_to_end(at);
        // A page table is there, though its first page may not be: the image is mapped in small pages (PV).
        if (end.mapped() || end.level == 1) {
            if (!found) found = ImageRange{at, at};
            found->end = at + step;
            at += step;
        } else {
            const std::uint64_t covered = std::max(step, end.covered_bytes());
            at = (at & ~(covered - 1)) + covered;
            if (at < step) break; // round the end of the address space
        }
    }
    return found;
}

PageTables tables_with_kernel(GuestFrames& frames, PageTables tables) {
    PageTables whole = tables;
    whole.root &=
        ~1ULL; // kernel_to_user_pgdp() of arch/x86/include/asm/pgtable.h: the user's follow the kernel's
    const auto size_of_image = [&](const PageTables& root) {
        GuestMemory memory(frames, root);
        const auto image = mapped_image(memory);
        return image ? image->end - image->start : 0;
    };
    return size_of_image(whole) > size_of_image(tables) ? whole : tables;
}

std::string find_banner(GuestMemory& memory, const ImageRange& image) {
    constexpr std::uint64_t chunk = 1ULL << 20;
    for (std::uint64_t at = image.start; at < image.end; at += chunk) {
        const MemoryWindow window(memory.reader(), at, std::min(image.end, at + chunk + banner_start.size()));
        const std::string_view text = window.text();
        for (std::size_t place = text.find(banner_start); place != std::string_view::npos;
             place = text.find(banner_start, place + 1))
            if (auto banner = banner_at(memory, at + place)) return *banner;
    }
    return {};
}

Result<std::string> banner_at(GuestMemory& memory, std::uint64_t address) {
    auto text = memory.read_string(address, longest_banner);
    if (!text) return text;
    while (text->ends_with('\n')) text->pop_back();
    const bool release = text->size() > banner_start.size() && text->at(banner_start.size()) >= '0' &&
                         text->at(banner_start.size()) <= '9';
    const bool printable =
        std::all_of(text->begin(), text->end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!text->starts_with(banner_start) || !release || !printable)
        return arm_error("read the kernel's banner", fmt::format("there is none at {:#x}", address));
    return text;
}

std::string release_of(const std::string& banner) {
    if (!banner.starts_with(banner_start)) return {};
    const std::size_t end = banner.find(' ', banner_start.size());
    return banner.substr(banner_start.size(), end == std::string::npos ? end : end - banner_start.size());
}

} // namespace stakeout

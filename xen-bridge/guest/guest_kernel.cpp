#include "xen-bridge/guest/guest_kernel.h"

#include "xen-bridge/guest/guest_modules.h"
#include "xen-bridge/guest/kallsyms_tables.h"

#include <utility>

namespace stakeout {
namespace {

constexpr std::uint64_t linked_text =
    0xffff'ffff'8100'0000ULL; // CONFIG_PHYSICAL_START of 16 MiB, as all have it

std::optional<std::uint64_t> address_of(const KernelSymbols& symbols, const char* name) {
    const auto found = symbols.find(name);
    if (found.size() != 1) return std::nullopt;
    return found.front().address;
}

// The value of one of the kernel's variables; 0: not known.
std::uint64_t value_of(GuestMemory& memory, const KernelSymbols& symbols, const char* name) {
    const auto address = address_of(symbols, name);
    return address ? memory.read<std::uint64_t>(*address).value_or(0) : 0;
}

} // namespace

Result<std::unique_ptr<GuestKernel>> GuestKernel::find(GuestMemory& memory,
                                                       const GuestKernelQuestion& question) {
    std::unique_ptr<GuestKernel> kernel(new GuestKernel); // NOLINT: the constructor is private
    memory.forget();
    auto found = question.symbols_file.empty() ? kernel->find_in_memory(memory)
                                               : kernel->find_by_file(memory, question);
    if (!found) return std::move(found).error();
    kernel->find_layout(memory);
    kernel->find_types(memory, question);
    kernel->find_modules(memory);
    memory.forget();
    return kernel;
}

Status GuestKernel::find_by_file(GuestMemory& memory, const GuestKernelQuestion& question) {
    auto file = KernelSymbols::read_file(question.symbols_file);
    if (!file) return std::move(file).error();
    auto place = place_kernel(memory, **file, question.hints, question.symbols_file);
    if (!place) return std::move(place).error();
    symbols_ = place->offset == 0 ? std::move(*file) : (*file)->moved(place->offset);
    symbols_from_ = question.symbols_file;
    offset_ = place->offset;
    banner_ = std::move(place->banner);
    return done();
}

Status GuestKernel::find_in_memory(GuestMemory& memory) {
    const auto image = mapped_image(memory);
    if (!image)
        return arm_error(
            "find the guest's kernel", "its page tables map nothing where Linux has its image",
            "is the guest a 64-bit Linux, and has it come up? Addresses can be watched all the same (--gpa)");
    auto tables = find_kallsyms(memory.data_reader(), image->start, image->end);
    // A kernel that does not keep text and data apart (CONFIG_STRICT_KERNEL_RWX), or is just coming up.
    if (!tables) tables = find_kallsyms(memory.reader(), image->start, image->end);
    if (!tables) return std::move(tables).error();
    symbols_ = KernelSymbols::parse(std::move(tables->text));
    symbols_from_ = "the guest's own tables";
    if (const auto text = address_of(*symbols_, "_text")) offset_ = *text - linked_text;
    if (const auto address = address_of(*symbols_, "linux_banner"))
        if (auto banner = banner_at(memory, *address)) banner_ = std::move(*banner);
    if (banner_.empty()) banner_ = find_banner(memory, *image);
    return done();
}

void GuestKernel::find_layout(GuestMemory& memory) {
    layout_.page_offset = value_of(memory, *symbols_, "page_offset_base");
    // Kernels without CONFIG_RANDOMIZE_MEMORY have no such variable; a direct map that is not in the upper
    // half is none.
    if ((layout_.page_offset >> 63) == 0 || layout_.page_offset % guest_page_bytes != 0)
        layout_.page_offset = 0;
    layout_.direct_map_bytes = value_of(memory, *symbols_, "max_pfn") * guest_page_bytes;
    const auto text = address_of(*symbols_, "_text"), end = address_of(*symbols_, "_end");
    if (!text || !end || *end <= *text || !address_of(*symbols_, "phys_base")) return;
    layout_.phys_base = value_of(memory, *symbols_, "phys_base");
    layout_.image_start = *text;
    layout_.image_end = *end;
}

void GuestKernel::find_modules(GuestMemory& memory) {
    if (!types_) return;
    auto found = modules_of(memory, *types_, *symbols_);
    if (!found) return;
    modules_ = found->modules;
    symbols_->add_text(std::move(found->text));
}

void GuestKernel::find_types(GuestMemory& memory, const GuestKernelQuestion& question) {
    auto types = [&]() -> Result<std::unique_ptr<KernelTypes>> {
        if (!question.types_file.empty()) return types_in_file(question.types_file);
        if (!question.symbols_file.empty())
            if (auto in_vmlinux = types_in_file(question.symbols_file)) return in_vmlinux;
        return types_in_memory(memory, *symbols_);
    }();
    if (!types) {
        why_no_types_ = types.error();
        why_no_tasks_ = types.error();
        return;
    }
    types_ = std::move(*types);
    auto tasks = task_finder(*types_, *symbols_);
    if (tasks)
        tasks_ = *tasks;
    else
        why_no_tasks_ = tasks.error();
}

} // namespace stakeout

#include "scripts/probes/allocator_sites.h"

#include "scripts/probes/cheap_place.h"
#include "watchpoints/target/elf_file.h"
#include "watchpoints/target/elf_image.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <set>
#include <span>
#include <string_view>

namespace stakeout {
namespace {

struct KnownFunction {
    std::string_view name;
    AllocatorRole role;
};

// operator new of libstdc++ calls malloc and is not probed; that of jemalloc and tcmalloc, which stands in
// one file with their malloc, does not.
constexpr std::array<KnownFunction, 19> known_functions{{
    {"malloc", AllocatorRole::Malloc},
    {"valloc", AllocatorRole::Malloc},
    {"pvalloc", AllocatorRole::Malloc},
    {"calloc", AllocatorRole::Calloc},
    {"realloc", AllocatorRole::Realloc},
    {"memalign", AllocatorRole::Memalign},
    {"aligned_alloc", AllocatorRole::Memalign},
    {"posix_memalign", AllocatorRole::PosixMemalign},
    {"free", AllocatorRole::Free},
    {"cfree", AllocatorRole::Free},
    {"mmap", AllocatorRole::Mmap},
    {"munmap", AllocatorRole::Munmap},
    {"_Znwm", AllocatorRole::Malloc},
    {"_Znam", AllocatorRole::Malloc},
    {"_ZdlPv", AllocatorRole::Free},
    {"_ZdaPv", AllocatorRole::Free},
    {"_ZdlPvm", AllocatorRole::Free},
    {"_ZdaPvm", AllocatorRole::Free},
    {"_ZdlPvmSt11align_val_t", AllocatorRole::Free},
}};

std::optional<std::uint64_t> offset_in_file(const ElfFile& file, std::uint64_t address) {
    for (const GElf_Phdr& segment : file.segments())
        if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
            address < segment.p_vaddr + segment.p_filesz)
            return address - segment.p_vaddr + segment.p_offset;
    return std::nullopt;
}

bool defines(const ElfImage& image, std::string_view name) {
    for (const ElfSymbol& symbol : image.find(name))
        if (symbol.is_text && symbol.address != 0) return true;
    return false;
}

// A probe that looks only at an argument need not stand at the entry; one whose return is probed as well
// must.
std::uint64_t away_from_entry(const ElfImage& image, AllocatorRole role, std::uint64_t address) {
    if (role != AllocatorRole::Free) return 0;
    std::array<std::uint8_t, 32> code{};
    const std::size_t got = image.read(address, code);
    return cheap_place(std::span(code).first(got));
}

void add_functions_of(const std::string& path, std::vector<AllocatorSite>& sites) {
    const auto image = ElfImage::open(path);
    if (!image || !defines(**image, "malloc")) return;
    const auto file = ElfFile::open(path);
    if (!file) return;
    std::set<std::uint64_t> taken; // aliases
    for (const KnownFunction& known : known_functions) {
        for (const ElfSymbol& symbol : (*image)->find(known.name)) {
            if (!symbol.is_text || symbol.address == 0) continue;
            const auto offset = offset_in_file(**file, symbol.address);
            if (!offset || !taken.insert(*offset).second) continue;
            sites.push_back({path, *offset + away_from_entry(**image, known.role, symbol.address), known.role,
                             std::string(known.name)});
        }
    }
}

} // namespace

Result<std::vector<AllocatorSite>> find_allocators(int pid, const ProcessMaps& maps) {
    std::vector<AllocatorSite> sites;
    std::set<std::string> seen;
    for (const Mapping& mapping : maps.all()) {
        if (!mapping.executable || mapping.path.empty() || mapping.path.front() != '/') continue;
        // The dynamic linker has a malloc for itself, until libc is there.
        if (mapping.path.find("/ld-linux") != std::string::npos) continue;
        if (seen.insert(mapping.path).second) add_functions_of(path_for_us(pid, mapping), sites);
    }
    if (sites.empty())
        return arm_error(fmt::format("find the allocator of process {}", pid),
                         "no file that it has mapped defines malloc",
                         "a stripped static program cannot be diagnosed");
    return sites;
}

} // namespace stakeout

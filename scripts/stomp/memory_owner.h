// Whose memory an address is: a variable, a slab object, a mapping. For saying where a copy began, where a
// pointer leads and what lies beside the target.
#pragma once

#include "watchpoints/target/elf_image.h"
#include "watchpoints/target/kernel_symbols.h"
#include "watchpoints/target/process_maps.h"

#include "scripts/stomp/slab_object.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace stakeout {

struct OwnedMemory {
    std::string name; // "customer", "an object of kmalloc-64", "[heap]"
    std::uint64_t start = 0;
    std::uint64_t size = 0; // 0: not known
    enum class Kind { Variable, SlabObject, Code, Mapping } kind = Kind::Variable;
    // Variables and slab objects have borders that a correct write respects.
    [[nodiscard]] bool has_borders() const {
        return size != 0 && (kind == Kind::Variable || kind == Kind::SlabObject);
    }
};

class MemoryOwners {
  public:
    virtual ~MemoryOwners() = default;
    [[nodiscard]] virtual std::optional<OwnedMemory> find(std::uint64_t address) const = 0;
};

// Either may be null: then less is told.
std::unique_ptr<MemoryOwners> kernel_memory_owners(std::shared_ptr<const KernelSymbols> symbols,
                                                   std::unique_ptr<SlabLookup> slabs);
// What the process has mapped now. Error: as ProcessMaps::read.
Result<std::unique_ptr<MemoryOwners>> process_memory_owners(int pid);

// "customer", "customer+0x10"; absent: nobody known.
std::optional<std::string> describe_place(const MemoryOwners& owners, std::uint64_t address);

} // namespace stakeout

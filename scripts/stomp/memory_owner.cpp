#include "scripts/stomp/memory_owner.h"

#include <fmt/format.h>

#include <vector>

namespace stakeout {
namespace {

class KernelOwners final : public MemoryOwners {
  public:
    KernelOwners(std::shared_ptr<const KernelSymbols> symbols, std::unique_ptr<SlabLookup> slabs)
        : symbols_(std::move(symbols)), slabs_(std::move(slabs)) {}

    [[nodiscard]] std::optional<OwnedMemory> find(std::uint64_t address) const override {
        if (slabs_)
            if (const auto object = slabs_->find(address))
                return OwnedMemory{"an object of " + object->cache, object->start, object->size,
                                   OwnedMemory::Kind::SlabObject};
        if (!symbols_) return std::nullopt;
        const auto symbol = symbols_->containing(address);
        if (!symbol) return std::nullopt;
        // kallsyms has no sizes: a variable reaches up to the next symbol at most.
        const auto next = symbols_->next_start(address);
        return OwnedMemory{std::string(symbol->name), symbol->address, next ? *next - symbol->address : 0,
                           symbol->is_text() ? OwnedMemory::Kind::Code : OwnedMemory::Kind::Variable};
    }

  private:
    std::shared_ptr<const KernelSymbols> symbols_;
    std::unique_ptr<SlabLookup> slabs_;
};

class ProcessOwners final : public MemoryOwners {
  public:
    ProcessOwners(int pid, ProcessMaps maps) : maps_(std::move(maps)) {
        std::string last;
        for (const Mapping& mapping : maps_.all()) {
            if (mapping.path.empty() || mapping.path.front() != '/' || mapping.path == last) continue;
            last = mapping.path;
            auto image = ElfImage::open(fmt::format("/proc/{}/root{}", pid, mapping.path));
            if (!image) continue;
            const auto linked = (*image)->address_of_offset(mapping.offset);
            if (linked) files_.push_back({mapping.start, mapping.start - *linked, std::move(*image)});
        }
    }

    [[nodiscard]] std::optional<OwnedMemory> find(std::uint64_t address) const override {
        const Mapping* mapping = maps_.containing(address);
        if (mapping == nullptr) return std::nullopt;
        if (auto variable = in_file(address)) return variable;
        return OwnedMemory{mapping->path.empty() ? "anonymous memory" : mapping->path, mapping->start,
                           mapping->end - mapping->start, OwnedMemory::Kind::Mapping};
    }

  private:
    struct File {
        std::uint64_t start = 0, bias = 0;
        std::unique_ptr<ElfImage> image;
    };

    // The last file that begins before the address; its .bss is anonymous memory behind it.
    [[nodiscard]] std::optional<OwnedMemory> in_file(std::uint64_t address) const {
        const File* found = nullptr;
        for (const File& file : files_)
            if (file.start <= address && (found == nullptr || file.start > found->start)) found = &file;
        if (found == nullptr) return std::nullopt;
        const auto symbol = found->image->containing(address - found->bias);
        if (!symbol || symbol->size == 0 || address - found->bias >= symbol->address + symbol->size)
            return std::nullopt;
        return OwnedMemory{symbol->name, symbol->address + found->bias, symbol->size,
                           symbol->is_text ? OwnedMemory::Kind::Code : OwnedMemory::Kind::Variable};
    }

    ProcessMaps maps_;
    std::vector<File> files_;
};

} // namespace

std::unique_ptr<MemoryOwners> kernel_memory_owners(std::shared_ptr<const KernelSymbols> symbols,
                                                   std::unique_ptr<SlabLookup> slabs) {
    return std::make_unique<KernelOwners>(std::move(symbols), std::move(slabs));
}

Result<std::unique_ptr<MemoryOwners>> process_memory_owners(int pid) {
    auto maps = ProcessMaps::read(pid);
    if (!maps) return std::move(maps).error();
    return std::unique_ptr<MemoryOwners>(std::make_unique<ProcessOwners>(pid, std::move(*maps)));
}

std::optional<std::string> describe_place(const MemoryOwners& owners, std::uint64_t address) {
    const auto owner = owners.find(address);
    if (!owner) return std::nullopt;
    if (address == owner->start) return owner->name;
    return fmt::format("{}+{:#x}", owner->name, address - owner->start);
}

} // namespace stakeout

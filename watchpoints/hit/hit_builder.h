// A joined hit -> a readable Hit: values, instruction, read or write, symbolised stacks.
#pragma once

#include "loader/kernel_peek.h"
#include "watchpoints/hit/hit.h"
#include "watchpoints/hit/instruction.h"
#include "watchpoints/hit/reader.h"
#include "watchpoints/hit/script_says.h"
#include "watchpoints/hit/symboliser.h"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace stakeout {

// How the watchpoints are armed: what the hardware itself tells about an access.
enum class Trap { OnWrite, OnReadOrWrite, OnExecute };

class HitBuilder {
  public:
    struct TargetFacts {
        std::string name;
        std::uint32_t width = 0; // bytes; 0 for an execute breakpoint
    };
    struct SlotFacts {
        std::uint32_t length = 0;
    };
    // `kernel_code` may be null (no permission to read kernel text): kernel instructions are absent then.
    HitBuilder(Trap trap, std::vector<TargetFacts> targets, std::vector<SlotFacts> slots,
               const KernelPeek* kernel_code, Symboliser& symboliser);

    // The script's fields, where there is one.
    void use_fields(std::vector<ScriptFieldLayout> fields) { fields_ = std::move(fields); }

    [[nodiscard]] Hit build(const JoinedHit& joined);
    [[nodiscard]] Look build(const RawExtra& look) const { return look_of(look, fields_); }

  private:
    struct DecodeKey {
        std::uint64_t ip;
        std::uint64_t address;
        std::uint32_t pid; // 0: kernel
        bool operator==(const DecodeKey&) const = default;
    };
    struct DecodeKeyHash {
        std::size_t operator()(const DecodeKey& key) const;
    };
    void decode(const RawHit& raw, Hit& hit);
    [[nodiscard]] std::optional<LocatedAccess> locate(const RawHit& raw);
    void fill_stacks(const RawHit& raw, Hit& hit);
    void fill_script(const JoinedHit& joined, Hit& hit) const;
    [[nodiscard]] bool skipped_caller(const RawHit& raw);

    Trap trap_;
    std::vector<TargetFacts> targets_;
    std::vector<SlotFacts> slots_;
    const KernelPeek* kernel_code_;
    Symboliser& symboliser_;
    std::vector<ScriptFieldLayout> fields_;
    std::unordered_map<DecodeKey, LocatedAccess, DecodeKeyHash> decoded_;
    std::unordered_map<DecodeKey, bool, DecodeKeyHash> call_sites_;
};

} // namespace stakeout

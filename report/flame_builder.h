// Where hits come from, as a tree: task -> user frames, outermost first -> kernel frames. A flame graph.
#pragma once

#include "report/report.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stakeout {

class FlameBuilder {
  public:
    // While hits come; beyond, a hit is counted where its path leaves what there is, under "(other)".
    static constexpr std::size_t most_nodes = 100'000;

    FlameBuilder();
    // `stack`: the number of the hit's stack; no_stack: it is not kept. `comm`: as the pool numbers it.
    void add(const Hit& hit, std::uint32_t comm, std::uint32_t stack, std::string_view comm_text);
    // At most `most` nodes, those with most hits; the hits of the others are in "(other)" beside them.
    [[nodiscard]] std::vector<FlameNode> tree(std::size_t most) const;

  private:
    using Kind = FlameNode::Kind;
    std::uint32_t walk(const Hit& hit, std::uint32_t comm, std::string_view comm_text);
    std::uint32_t child(std::uint32_t parent, std::uint64_t hash, Kind kind, std::string_view name,
                        std::string_view module);
    std::uint32_t frame_child(std::uint32_t parent, const Frame& frame, Kind kind);

    std::vector<FlameNode> nodes_;                              // `hits`: the node's own only
    std::unordered_map<std::uint64_t, std::uint32_t> children_; // by parent and what it is
    std::unordered_map<std::uint64_t, std::uint32_t> leaves_;   // by task and stack
};

} // namespace stakeout

#include "report/flame_builder.h"

#include "report/string_pool.h"
#include "report/text_hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

namespace stakeout {
namespace {

constexpr std::string_view other_name = "(other)";

// Totals from each node's own hits: children come after their parents.
void sum_up(std::vector<FlameNode>& nodes) {
    for (std::size_t i = nodes.size() - 1; i > 0; --i) nodes[nodes[i].parent].hits += nodes[i].hits;
}

// The hits from which on a node is kept, so that at most `most` are.
std::uint64_t fewest_hits(const std::vector<FlameNode>& nodes, std::size_t most) {
    if (nodes.size() <= most) return 0;
    std::vector<std::uint64_t> hits;
    hits.reserve(nodes.size());
    for (const FlameNode& node : nodes) hits.push_back(node.hits);
    // Half of the room is for the "(other)"s.
    std::nth_element(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(most / 2), hits.end(),
                     std::greater<>());
    return hits[most / 2] + 1;
}

} // namespace

FlameBuilder::FlameBuilder() { nodes_.push_back({Kind::All, 0, 0, "all", ""}); }

std::uint32_t FlameBuilder::child(std::uint32_t parent, std::uint64_t hash, Kind kind, std::string_view name,
                                  std::string_view module) {
    const bool is_full = nodes_.size() >= most_nodes;
    const std::uint64_t key = hash_of(hash, hash_seed() + parent);
    if (const auto found = children_.find(key); found != children_.end()) return found->second;
    if (is_full && kind != Kind::Other) return parent;
    const auto number = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({kind, parent, 0, clipped(name), clipped(module)});
    children_.emplace(key, number);
    return number;
}

std::uint32_t FlameBuilder::frame_child(std::uint32_t parent, const Frame& frame, Kind kind) {
    std::uint64_t hash = hash_seed() + static_cast<std::uint64_t>(kind);
    if (!frame.symbol.empty()) {
        hash = hash_of(frame.module, hash_of(frame.symbol, hash));
        return child(parent, hash, kind, frame.symbol, frame.module);
    }
    // Addresses of code without names say nothing beside each other: one node a module.
    hash = hash_of(frame.module, hash);
    return child(parent, hash, kind, "(no symbol)", frame.module);
}

std::uint32_t FlameBuilder::walk(const Hit& hit, std::uint32_t comm, std::string_view comm_text) {
    std::uint32_t node = child(0, hash_of(std::uint64_t{comm}, hash_seed()), Kind::Task,
                               comm_text.empty() ? "(unknown task)" : comm_text, {});
    bool is_complete = node != 0;
    const auto go_down = [&](const Frame& frame, Kind kind) {
        if (!is_complete) return;
        const std::uint32_t next = frame_child(node, frame, kind);
        is_complete = next != node;
        node = next;
    };
    for (const Frame& frame : std::views::reverse(hit.user_stack)) go_down(frame, Kind::User);
    for (const Frame& frame : std::views::reverse(hit.kernel_stack)) go_down(frame, Kind::Kernel);
    if (is_complete || nodes_[node].kind == Kind::Other) return node;
    return child(node, hash_of(other_name, hash_seed()), Kind::Other, other_name, {});
}

void FlameBuilder::add(const Hit& hit, std::uint32_t comm, std::uint32_t stack, std::string_view comm_text) {
    if (stack == no_stack) {
        ++nodes_[walk(hit, comm, comm_text)].hits;
        return;
    }
    const std::uint64_t key = static_cast<std::uint64_t>(comm) << 32U | stack;
    const auto found = leaves_.find(key);
    const std::uint32_t leaf = found != leaves_.end() ? found->second : walk(hit, comm, comm_text);
    if (found == leaves_.end() && leaves_.size() < most_nodes) leaves_.emplace(key, leaf);
    ++nodes_[leaf].hits;
}

std::vector<FlameNode> FlameBuilder::tree(std::size_t most) const {
    std::vector<FlameNode> all = nodes_;
    sum_up(all);
    const std::uint64_t fewest = fewest_hits(all, most);
    std::vector<FlameNode> kept;
    std::vector<std::uint32_t> where(all.size(), UINT32_MAX); // in `kept`
    std::unordered_map<std::uint32_t, std::uint32_t> others;  // by parent in `kept`
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::uint32_t parent = i == 0 ? 0 : where[all[i].parent];
        if (parent == UINT32_MAX) continue; // its hits are in an ancestor's "(other)"
        if (i == 0 || (all[i].hits >= fewest && all[i].kind != Kind::Other)) {
            where[i] = static_cast<std::uint32_t>(kept.size());
            kept.push_back(all[i]);
            kept.back().parent = parent;
            continue;
        }
        const auto [place, is_new] = others.try_emplace(parent, static_cast<std::uint32_t>(kept.size()));
        if (is_new) kept.push_back({Kind::Other, parent, 0, std::string(other_name), ""});
        kept[place->second].hits += all[i].hits;
    }
    return kept;
}

} // namespace stakeout

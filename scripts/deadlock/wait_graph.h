// Who waits for whom, as a graph; and the circles in it, which never come apart by themselves.
#pragma once

#include "scripts/diagnosis/diagnosis.h"

#include <string>
#include <vector>

namespace stakeout {

class WaitGraphBuilder {
  public:
    void task(const std::string& id, std::string label);
    void lock(const std::string& id, std::string label);
    // Nodes that are not there yet are ignored with their edge.
    void waits_for(const std::string& task, const std::string& lock);
    void held_by(const std::string& lock, const std::string& task);

    // Marks nodes and edges of the circles.
    [[nodiscard]] WaitGraph build() const;

  private:
    void edge(const std::string& from, const std::string& to, WaitGraph::Edge::Kind kind);
    WaitGraph graph_;
};

// Each circle as ids, task, lock, task, lock ..., from its smallest id on; each circle once, at most `most`.
std::vector<std::vector<std::string>> cycles_of(const WaitGraph& graph, std::size_t most = 16);

} // namespace stakeout

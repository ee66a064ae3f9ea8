#include "scripts/deadlock/wait_graph.h"

#include <algorithm>
#include <map>
#include <set>

namespace stakeout {
namespace {

// Depth-first search from each task for a way back to it through larger ids only: so each circle is found
// once, from its smallest task. Graphs of locks are small; `most` and the depth bound the work on one that is
// not.
class CycleSearch {
  public:
    CycleSearch(const WaitGraph& graph, std::size_t most) : most_(most) {
        for (const WaitGraph::Edge& edge : graph.edges) next_[edge.from].push_back(edge.to);
        for (const WaitGraph::Node& node : graph.nodes)
            if (node.kind == WaitGraph::Node::Kind::Task) tasks_.insert(node.id);
    }

    std::vector<std::vector<std::string>> run() {
        for (const std::string& start : tasks_) {
            start_ = start;
            steps_ = 0;
            follow(start);
        }
        return std::move(found_);
    }

  private:
    void follow(const std::string& at) {
        if (found_.size() >= most_ || ++steps_ > most_steps) return;
        path_.push_back(at);
        for (const std::string& to : next_[at]) {
            if (to == start_)
                found_.push_back(path_);
            else if (std::find(path_.begin(), path_.end(), to) == path_.end() &&
                     !(tasks_.contains(to) && to < start_))
                follow(to);
        }
        path_.pop_back();
    }

    static constexpr std::size_t most_steps = 10'000;
    std::size_t most_, steps_ = 0;
    std::map<std::string, std::vector<std::string>> next_;
    std::set<std::string> tasks_;
    std::string start_;
    std::vector<std::string> path_;
    std::vector<std::vector<std::string>> found_;
};

} // namespace

void WaitGraphBuilder::task(const std::string& id, std::string label) {
    const bool known =
        std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const auto& n) { return n.id == id; });
    if (!known) graph_.nodes.push_back({id, std::move(label), WaitGraph::Node::Kind::Task, false});
}

void WaitGraphBuilder::lock(const std::string& id, std::string label) {
    const bool known =
        std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const auto& n) { return n.id == id; });
    if (!known) graph_.nodes.push_back({id, std::move(label), WaitGraph::Node::Kind::Lock, false});
}

void WaitGraphBuilder::edge(const std::string& from, const std::string& to, WaitGraph::Edge::Kind kind) {
    const auto has = [&](const std::string& id) {
        return std::any_of(graph_.nodes.begin(), graph_.nodes.end(),
                           [&](const auto& n) { return n.id == id; });
    };
    const bool known = std::any_of(graph_.edges.begin(), graph_.edges.end(),
                                   [&](const auto& e) { return e.from == from && e.to == to; });
    if (!known && has(from) && has(to)) graph_.edges.push_back({from, to, kind, false});
}

void WaitGraphBuilder::waits_for(const std::string& task, const std::string& lock) {
    edge(task, lock, WaitGraph::Edge::Kind::WaitsFor);
}

void WaitGraphBuilder::held_by(const std::string& lock, const std::string& task) {
    edge(lock, task, WaitGraph::Edge::Kind::HeldBy);
}

WaitGraph WaitGraphBuilder::build() const {
    WaitGraph graph = graph_;
    for (const std::vector<std::string>& cycle : cycles_of(graph))
        for (std::size_t i = 0; i < cycle.size(); ++i) {
            const std::string& from = cycle[i];
            const std::string& to = cycle[(i + 1) % cycle.size()];
            for (auto& node : graph.nodes) node.in_cycle = node.in_cycle || node.id == from;
            for (auto& edge : graph.edges)
                edge.in_cycle = edge.in_cycle || (edge.from == from && edge.to == to);
        }
    return graph;
}

std::vector<std::vector<std::string>> cycles_of(const WaitGraph& graph, std::size_t most) {
    return CycleSearch(graph, most).run();
}

} // namespace stakeout

// What a recipe returns: a verdict in one sentence, the evidence under it, and what was not covered. Plain
// data; tools/output prints it as text, JSON (docs/diagnoses.md documents the schema), DOT or folded stacks.
//
// A wrong accusation is worse than none: Verdict::Culprit needs evidence that excludes the legitimate
// explanations. What could not be seen is Verdict::NotEnough with `next` filled in. Verdict::Clean is a
// statement about what was covered, and is only true together with `covered` and `not_covered`.
//
// Addresses are kernel or process virtual addresses, times CLOCK_MONOTONIC nanoseconds unless a name says
// otherwise.
#pragma once

#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace stakeout {

enum class Verdict { Culprit, Clean, NotEnough };

// One figure or word of the evidence, by name (snake_case), as JSON carries it.
struct Fact {
    std::string name;
    std::variant<std::uint64_t, std::int64_t, double, bool, std::string> value;
};

struct TitledStack {
    std::string title;         // "kernel", "user", "took the lock"
    std::vector<Frame> frames; // innermost first
    bool user = false;         // frames of a process, not of the kernel
    std::uint64_t weight = 0;  // for folded output: bytes or times; 0: not part of it
};

struct Evidence {
    std::string
        kind; // snake_case, from the recipe's own list in docs/diagnoses.md: "suspect_write", "holder"
    std::string says;                // one sentence or clause for people, without a full stop
    std::vector<std::uint64_t> hits; // numbers of the hits that show it; the first few where there are many
    std::vector<Fact> facts;
    std::vector<TitledStack> stacks;
    std::vector<Snapshot> memory;
    std::vector<Evidence> under; // what supports this one
};

// Who did it: the function that the verdict names, and the task that ran it.
struct Culprit {
    std::string function; // empty: no symbol
    std::string module;   // as Frame::module
    std::string file;     // source file, where known
    int line = 0;
    std::string comm; // of the task seen doing it (one of them)
    std::uint32_t pid = 0, tid = 0;
    std::string why; // one clause: what it did
};

// Who waits for whom.
struct WaitGraph {
    struct Node {
        std::string id;    // "task 1234", "lock 0xffff888012345678"
        std::string label; // "worker (1234)", "my_lock (mutex)"
        enum class Kind { Task, Lock } kind = Kind::Task;
        bool in_cycle = false;
    };
    struct Edge {
        std::string from, to; // ids
        enum class Kind { WaitsFor, HeldBy } kind = Kind::WaitsFor;
        bool in_cycle = false;
    };
    std::vector<Node> nodes;
    std::vector<Edge> edges;
};

struct Diagnosis {
    std::string recipe; // "stomp"
    std::string target; // as typed
    Verdict verdict = Verdict::NotEnough;
    std::string kind; // what was found, snake_case, from the recipe's own list: "foreign_writer", "cycle";
                      // may be empty
    std::string
        sentence; // the verdict for people: one sentence that names function, file:line when known, and task
    std::vector<Culprit> culprits; // the most probable first; empty unless Verdict::Culprit
    std::vector<Evidence> evidence;
    Evidence covered;                     // what makes the verdict true: CPUs, time, hits = records + lost
    std::vector<std::string> not_covered; // one sentence each
    std::vector<std::string> next;        // what to run next, as it would be typed or done
    std::optional<WaitGraph> graph;
};

std::string_view to_word(Verdict verdict); // "culprit", "clean", "not_enough_evidence"

// "clear_name (demo/ledger.c:20)", "0xffffffff81234567" where no symbol is known.
std::string describe(const Frame& frame);
Culprit culprit_at(const Frame& frame, const Hit& hit, std::string why);

} // namespace stakeout

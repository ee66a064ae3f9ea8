// `stakeout diagnose stomp`: memory overwritten by the wrong code.
//
// Every write is taken, attributed to the function that decided it (writer.h), judged by the rule (rule.h)
// and entered into a ledger. A suspect alone is not a culprit: conclude() (stomp_verdict.cpp) accuses when
// the rule that the user gave excludes the writer, or when the write itself proves it: it began in other
// memory, or it undid another's write, or the memory had been freed.
#pragma once

#include "loader/kernel_peek.h"
#include "scripts/recipe.h"
#include "scripts/stomp/ledger.h"
#include "scripts/stomp/lost_update.h"
#include "scripts/stomp/memory_owner.h"
#include "scripts/stomp/rule.h"
#include "watchpoints/hit/hit_filter.h"
#include "watchpoints/target/resolver.h"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stakeout {

// The end of the watched object's life, as its memory tells.
struct Freed {
    std::uint64_t hit = 0; // the allocator's own write
    Frame by;              // who freed, or for `reallocated` who got the memory next
    Hit sample;
    bool reallocated =
        false; // the free itself was not seen, only that the allocator gave the memory away again
    std::vector<std::uint64_t> used_after; // legitimate writers' hits after that: a use after free
    std::uint64_t next_owner = 0;          // other writes after that
};

// A value that nobody was seen writing.
struct UnseenChange {
    std::uint64_t time_ns = 0;
    Value from, to;
};

class StompRecipe final : public Recipe {
  public:
    // Looks at the targets, checks the rule's names and expression, and adds stomp's script to the request.
    // Errors (Usage): a writer that is no function, an expression that cannot be read; more than one target.
    static Result<std::unique_ptr<StompRecipe>> prepare(StompRule rule, Resolution& resolution,
                                                        WatchRequest& request);

    void on_armed(const Armed& armed) override;
    void on_hit(const Hit& hit) override;
    void on_look(const Look& look) override { ledger_.add_look(look); }
    void on_summary(const Summary& summary) override { summary_ = summary; }
    [[nodiscard]] bool tick(const ReportDiagnosis& report) override;
    Diagnosis conclude() override;

  private:
    explicit StompRecipe(StompRule rule) : rule_(std::move(rule)) {}
    Status check_rule(Resolution& resolution, const WatchRequest& request);
    void learn_about_memory(Resolution& resolution, const WatchRequest& request);
    Judgement judge(const Hit& hit, const Writer& writer);
    Judgement judge_by_value(const Hit& hit) const;
    void note_life(const Hit& hit, const Writer& writer, Judgement judgement);
    void look_at_origin(WriterGroup& group);
    [[nodiscard]] std::optional<Value> value_now() const;

    StompRule rule_;
    std::shared_ptr<const HitFilter> valid_; // keeps the hits for which the expression holds
    Target target_;
    std::optional<WatchedProcess> process_;
    std::unique_ptr<KernelPeek> peek_;
    std::unique_ptr<MemoryOwners> owners_; // may be null
    std::optional<OwnedMemory> home_;      // whose memory the target is
    std::string shared_with_;              // other mappings of the same memory; empty: none

    Armed armed_;
    Summary summary_;
    std::uint64_t learn_until_ns_ = 0;
    std::set<std::string> learnt_; // functions, with their module
    StompLedger ledger_;
    LostUpdates lost_updates_;
    std::vector<LostUpdate> lost_;
    std::uint64_t lost_count_ = 0;
    std::set<std::uint64_t> lost_suspects_; // hits that the rule refused and that are lost updates
    std::optional<Freed> freed_;
    std::optional<Value> last_value_, odd_value_;
    std::uint64_t odd_since_ns_ = 0;
    std::uint64_t hits_ = 0, hits_when_odd_ = 0;
    std::uint64_t unexplained_ = 0; // traps without an access: no instruction, no change
    std::vector<UnseenChange> unseen_;

    friend class StompVerdict;
};

} // namespace stakeout

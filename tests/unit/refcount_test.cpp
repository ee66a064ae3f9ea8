// The parts of the refcount recipe, and its verdict on sequences made by hand.
#include "recipe_hits.h"

#include "scripts/refcount/refcount_recipe.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

TEST(ReferenceHelper, ByTheNamesOfTheField) {
    for (const char* name :
         {"kref_get", "session_put", "sock_hold", "dput", "refcount_dec_and_test", "atomic_inc",
          "Session::addRef()", "std::__shared_count<>::_M_release", "get_task_struct", "fput"})
        EXPECT_TRUE(is_reference_helper(name)) << name;
    for (const char* name : {"reject", "handle_request", "submit", "main", "get_user_pages_of_request_list",
                             "target_open", "input_report", "begin", "work_off"})
        EXPECT_FALSE(is_reference_helper(name)) << name;
}

TEST(Counter, StepsByInstructionWhereTheValueMisleads) {
    HitMaker maker;
    Counter counter(CountKind::Count);
    // Another CPU's step was in memory already.
    const auto both = counter.step(maker.write({"get"}, 1, 3, 1, "lock add dword ptr [rdi], 0x01", 4));
    EXPECT_EQ(both.kind, CountStep::Kind::Get);
    EXPECT_EQ(both.references, 1U);
    const auto none = counter.step(maker.write({"put"}, 3, 3, 1, "lock dec dword ptr [rdi]", 4));
    EXPECT_EQ(none.kind, CountStep::Kind::Put);
    EXPECT_EQ(counter.step(maker.write({"put"}, 3, 2, 1, "lock add dword ptr [rdi], 0xFFFFFFFF", 4)).kind,
              CountStep::Kind::Put);
}

TEST(Counter, LearnsWhatAnExchangeDoes) {
    HitMaker maker;
    Counter counter(CountKind::Count);
    for (std::uint64_t i = 1; i < 5; ++i)
        EXPECT_EQ(counter.step(maker.write({"inc"}, i, i + 1, 1, "lock xadd dword ptr [rdi], eax", 4)).kind,
                  CountStep::Kind::Get);
    EXPECT_EQ(counter.step(maker.write({"inc"}, 5, 5, 1, "lock xadd dword ptr [rdi], eax", 4)).kind,
              CountStep::Kind::Get);
    EXPECT_EQ(counter.step(maker.write({"try"}, 5, 5, 1, "lock cmpxchg dword ptr [rdi], edx", 4)).kind,
              CountStep::Kind::Nothing);
}

TEST(Counter, KnowsTheEndsOfARefcount) {
    HitMaker maker;
    Counter counter(CountKind::Refcount);
    EXPECT_EQ(counter.step(maker.write({"init"}, 0, 1, 1, "mov dword ptr [rdi], 0x1", 4)).kind,
              CountStep::Kind::Set);
    EXPECT_TRUE(counter.step(maker.write({"get"}, 0, 1, 1, "lock inc dword ptr [rdi]", 4)).from_zero);
    EXPECT_TRUE(
        counter.step(maker.write({"put"}, 0, 0xffffffff, 1, "lock dec dword ptr [rdi]", 4)).below_zero);
    EXPECT_TRUE(
        counter.step(maker.write({"warn"}, 0xffffffff, 0xc0000000, 1, "mov dword ptr [rdi], 0xc0000000", 4))
            .saturated);
}

TEST(Pairing, WithinATaskByTheSameFunctionFirst) {
    Pairing pairing;
    pairing.get({1, 10, 1, "outer"});
    pairing.get({2, 20, 1, "leaky"});
    pairing.put({3, 30, 1, "outer"});
    pairing.settle();
    ASSERT_EQ(pairing.open_gets().size(), 1U);
    EXPECT_EQ(pairing.open_gets().front().function, "leaky");
    EXPECT_EQ(pairing.longest_hold_ns("outer"), 20U);
}

TEST(Pairing, BetweenTasksInOrder) {
    Pairing pairing;
    for (std::uint64_t i = 1; i <= 6; i += 2) {
        pairing.get({i, i * 10, 1, "submit"});
        pairing.put({i + 1, i * 10 + 5, 2, "worker"});
    }
    pairing.put({9, 95, 3, "stray"});
    pairing.settle();
    EXPECT_TRUE(pairing.open_gets().empty());
    ASSERT_EQ(pairing.open_puts().size(), 1U);
    EXPECT_EQ(pairing.open_puts().front().function, "stray");
    const auto handed = pairing.pairs().find({"submit", "worker"});
    ASSERT_NE(handed, pairing.pairs().end());
    EXPECT_EQ(handed->second, 3U);
}

TEST(Pairing, IsBounded) {
    Pairing pairing;
    for (std::uint64_t i = 1; i < 3 * Pairing::most_open; ++i)
        pairing.get({i, i, static_cast<std::uint32_t>(i % 7), "leak"});
    EXPECT_LE(pairing.open_gets().size(), Pairing::most_open);
    EXPECT_GT(pairing.forgotten(), 0U);
}

// ---- verdicts ----

class Traffic {
  public:
    explicit Traffic(CountKind kind, std::uint64_t first = 1) : recipe_(kind), value_(first) {
        Armed armed;
        Target target;
        target.name = "refs";
        armed.targets = {target};
        armed.cpus_armed = armed.cpus_online = {0, 1};
        armed.values = {value_of(first, 4)};
        recipe_.on_armed(armed);
    }
    void get(const char* function, std::uint32_t tid = 1) { step(function, 1, tid); }
    void put(const char* function, std::uint32_t tid = 1) { step(function, -1, tid); }
    Diagnosis diagnose(std::uint64_t lost = 0) {
        Summary summary;
        summary.hits = summary.records = maker_.seq;
        summary.lost = lost;
        recipe_.on_summary(summary);
        return recipe_.conclude();
    }

  private:
    void step(const char* function, int by, std::uint32_t tid) {
        const std::uint64_t next = value_ + static_cast<std::uint64_t>(by);
        recipe_.on_hit(maker_.write({by > 0 ? "refs_get" : "refs_put", function, "main"}, value_, next, tid,
                                    by > 0 ? "lock inc dword ptr [rdi]" : "lock dec dword ptr [rdi]", 4));
        value_ = next;
    }
    RefcountRecipe recipe_;
    HitMaker maker_;
    std::uint64_t value_;
};

TEST(RefcountVerdict, SoundTrafficIsClean) {
    Traffic traffic(CountKind::Refcount);
    for (int i = 0; i < 100; ++i) {
        traffic.get("handle");
        traffic.put("handle");
    }
    const Diagnosis diagnosis = traffic.diagnose();
    EXPECT_EQ(diagnosis.verdict, Verdict::Clean) << diagnosis.sentence;
}

TEST(RefcountVerdict, NamesTheLeakingPathAndNotTheOneAroundIt) {
    Traffic traffic(CountKind::Refcount);
    for (int i = 0; i < 100; ++i) {
        traffic.get("handle");
        traffic.get("reject");
        if (i % 5 != 0) traffic.put("reject");
        traffic.put("handle");
    }
    const Diagnosis diagnosis = traffic.diagnose();
    ASSERT_EQ(diagnosis.verdict, Verdict::Culprit) << diagnosis.sentence;
    EXPECT_EQ(diagnosis.kind, "missing_put");
    EXPECT_EQ(diagnosis.culprits.front().function, "reject");
    EXPECT_EQ(diagnosis.culprits.size(), 1U);
}

TEST(RefcountVerdict, AccusesNobodyOfAReferenceThatIsKept) {
    Traffic traffic(CountKind::Count);
    traffic.get("open");
    for (int i = 0; i < 100; ++i) {
        traffic.get("handle");
        traffic.put("handle");
    }
    EXPECT_EQ(traffic.diagnose().verdict, Verdict::Clean);
}

TEST(RefcountVerdict, AccusesNobodyWhenHitsWereLost) {
    Traffic traffic(CountKind::Count);
    for (int i = 0; i < 100; ++i) traffic.get("handle", 1);
    Traffic clean(CountKind::Count);
    for (int i = 0; i < 10; ++i) {
        clean.get("handle");
        clean.put("handle");
    }
    EXPECT_EQ(clean.diagnose(1).verdict, Verdict::NotEnough);
    EXPECT_NE(traffic.diagnose(50).verdict, Verdict::Culprit); // the puts may be among the lost
}

TEST(RefcountVerdict, BelowZeroIsTheExtraPutsFault) {
    Traffic traffic(CountKind::Refcount, 1);
    for (int i = 0; i < 40; ++i) {
        traffic.get("begin");
        traffic.put("finish");
        if (i % 10 == 9) traffic.put("abort");
    }
    const Diagnosis diagnosis = traffic.diagnose();
    ASSERT_EQ(diagnosis.verdict, Verdict::Culprit) << diagnosis.sentence;
    EXPECT_EQ(diagnosis.kind, "extra_put");
    EXPECT_EQ(diagnosis.culprits.front().function, "abort");
}

} // namespace
} // namespace stakeout

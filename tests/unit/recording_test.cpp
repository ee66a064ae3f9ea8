// What a recording is made of comes back as it was: every field, whatever stands in it.
#include "random_hits.h"
#include "told.h"

#include "recording/memory_store.h"
#include "recording/recorder.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

using namespace test;

constexpr ClockStep a_moment{1'000'000'000, 1'700'000'000'000'000'000};

std::optional<KernelModuleFacts> some_module(std::string_view name) {
    return KernelModuleFacts{std::string(name), 0xffff'ffff'c000'0000, 4096, BuildId()};
}

TEST(Recording, EveryFieldOfEveryHitComesBack) {
    RandomHits random(1);
    Encoder encoder(some_facts(), some_module);
    encoder.begin_segment(a_moment, 0);
    const Armed armed = random.armed();
    encoder.add(armed);
    std::vector<Hit> hits;
    std::string recording;
    for (int i = 0; i < 3000; ++i) {
        hits.push_back(random.hit());
        encoder.add(hits.back());
        if (random.one_in(100)) recording += encoder.finish_block().bytes;
        if (random.one_in(500)) {
            recording += encoder.finish_block().bytes;
            encoder.begin_segment(a_moment, 0);
        }
    }
    const Summary summary = random.summary();
    encoder.add(summary);
    recording += encoder.finish_block().bytes;
    const Read read = read_all(recording);
    ASSERT_TRUE(read.status) << read.status.error().sentence();
    ASSERT_TRUE(read.replayed.damage.empty()) << read.replayed.damage.front().sentence(read.replayed.hits);
    ASSERT_EQ(read.told.hits.size(), hits.size());
    for (std::size_t i = 0; i < hits.size(); ++i) {
        SCOPED_TRACE(i);
        expect_same(hits[i], read.told.hits[i]);
    }
    ASSERT_EQ(read.told.armed.size(), 1);
    expect_same(armed, read.told.armed.front());
    ASSERT_EQ(read.told.summaries.size(), 1);
    expect_same(summary, read.told.summaries.front());
    EXPECT_EQ(read.replayed.facts, some_facts());
    EXPECT_FALSE(read.replayed.modules.empty());
}

TEST(Recording, ArmedAndSummaryComeBackWhateverTheyHold) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        RandomHits random(seed);
        Encoder encoder(some_facts(), some_module);
        encoder.begin_segment(a_moment, 0);
        const Armed armed = random.armed();
        const Summary summary = random.summary();
        encoder.add(armed);
        encoder.add(summary);
        const Read read = read_all(encoder.finish_block().bytes);
        ASSERT_TRUE(read.status && read.replayed.damage.empty());
        expect_same(armed, read.told.armed.at(0));
        expect_same(summary, read.told.summaries.at(0));
    }
}

TEST(Recording, WhatIsNoHitComesBack) {
    RandomHits random(7);
    Encoder encoder(some_facts(), some_module);
    encoder.begin_segment(a_moment, 5);
    encoder.add(random.armed());
    const Look look = random.look();
    const CoverageChange change = random.coverage();
    encoder.add(look);
    encoder.add(Notice{"soon\n\xff", std::chrono::seconds(60)});
    encoder.add(BrakeInterval{3, 1000, 2000});
    encoder.add(change);
    encoder.add(ClockStep{2'000'000'000, -5});
    const Read read = read_all(encoder.finish_block().bytes);
    ASSERT_TRUE(read.status && read.replayed.damage.empty());
    expect_same(look, read.told.looks.at(0));
    EXPECT_EQ(read.told.notices.at(0).text, "soon\n\xff");
    EXPECT_EQ(read.told.notices.at(0).time_left, std::chrono::seconds(60));
    EXPECT_EQ(read.told.brakes.at(0).cpu, 3);
    EXPECT_EQ(read.told.brakes.at(0).from_ns, 1000);
    EXPECT_EQ(read.told.brakes.at(0).to_ns, 2000);
    EXPECT_EQ(read.told.coverage.at(0).reason, change.reason);
    EXPECT_EQ(read.told.coverage.at(0).gap_to_ns, change.gap_to_ns);
    EXPECT_EQ(read.replayed.not_recorded, 5);
    const std::vector<ClockStep> clock{a_moment, {2'000'000'000, -5}};
    EXPECT_EQ(read.replayed.clock, clock);
}

TEST(Recording, AnyPiecesWillDo) {
    RandomHits random(3);
    Encoder encoder(some_facts(), some_module);
    encoder.begin_segment(a_moment, 0);
    encoder.add(random.armed());
    std::string recording;
    for (int block = 0; block < 5; ++block) {
        for (int i = 0; i < 20; ++i) encoder.add(random.hit());
        recording += encoder.finish_block().bytes;
    }
    for (const std::size_t piece : {1, 2, 3, 5, 7, 64, 4096}) {
        const Read read = read_all(recording, piece);
        EXPECT_TRUE(read.status && read.replayed.damage.empty()) << piece;
        EXPECT_EQ(read.told.hits.size(), 100);
    }
}

TEST(Recording, RecorderFillsAStoreThatCanBeReadAtAnyTime) {
    RandomHits random(4);
    auto owned = std::make_unique<MemoryStore>(3, 20'000);
    const MemoryStore& store = *owned;
    Recorder recorder(some_facts(), std::move(owned), {});
    recorder.on_armed(random.armed());
    std::uint64_t told = 0;
    for (int i = 0; i < 2000; ++i) {
        recorder.on_hit(random.hit());
        ++told;
        if (i % 10 == 9) recorder.finish_block();
        if (i % 100 != 99) continue;
        const Read read = read_all(store.bytes());
        ASSERT_TRUE(read.status && read.replayed.damage.empty());
        EXPECT_EQ(read.told.hits.size() + store.forgotten(), told);
        EXPECT_EQ(read.told.armed.size(), 1);
    }
    EXPECT_GT(store.forgotten(), 0);
    EXPECT_EQ(store.lost_hits(), 0);
}

} // namespace
} // namespace stakeout

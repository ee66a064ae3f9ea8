// Cut off, damaged, hostile: what stands before the damage is read, and the damage is told.
#include "random_hits.h"
#include "told.h"

#include "recording/compressor.h"
#include "recording/limits.h"
#include "recording/recording.pb.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

using namespace test;

constexpr ClockStep a_moment{1'000'000'000, 0};

// Some blocks, and after which byte how many hits are complete.
struct Small {
    std::string bytes;
    std::vector<Hit> hits;
    std::vector<std::pair<std::size_t, std::size_t>> complete; // byte, hits

    [[nodiscard]] std::size_t hits_in(std::size_t size) const {
        std::size_t all = 0;
        for (const auto& [byte, count] : complete)
            if (byte <= size) all = count;
        return all;
    }
};

Small small_recording(std::uint64_t seed, int blocks = 6) {
    RandomHits random(seed);
    Encoder encoder(some_facts(), {});
    encoder.begin_segment(a_moment, 0);
    encoder.add(random.armed());
    Small small;
    for (int block = 0; block < blocks; ++block) {
        for (int i = 0; i < 3; ++i) {
            small.hits.push_back(random.hit());
            encoder.add(small.hits.back());
        }
        small.bytes += encoder.finish_block().bytes;
        small.complete.emplace_back(small.bytes.size(), small.hits.size());
        if (block == blocks / 2) encoder.begin_segment(a_moment, 0);
    }
    return small;
}

void expect_first(const Small& small, std::size_t count, const Read& read) {
    ASSERT_EQ(read.told.hits.size(), count);
    for (std::size_t i = 0; i < count; ++i) expect_same(small.hits[i], read.told.hits[i]);
}

TEST(Damage, CutOffAtEveryByte) {
    const Small small = small_recording(1);
    for (std::size_t size = 1; size < small.bytes.size(); ++size) {
        SCOPED_TRACE(size);
        const Read read = read_all(small.bytes.substr(0, size));
        ASSERT_TRUE(read.status) << read.status.error().sentence();
        expect_first(small, small.hits_in(size), read);
        const bool at_end_of_block = std::any_of(small.complete.begin(), small.complete.end(),
                                                 [&](auto& c) { return c.first == size; });
        ASSERT_EQ(read.replayed.damage.size(), at_end_of_block ? 0 : 1);
        if (!at_end_of_block) {
            EXPECT_EQ(read.replayed.damage[0].what, "it ends within a block");
            EXPECT_EQ(small.hits_in(read.replayed.damage[0].offset), read.told.hits.size());
        }
    }
    EXPECT_FALSE(read_all("").status);
}

TEST(Damage, EverySingleBitFlipped) {
    const Small small = small_recording(2, 3);
    for (std::size_t byte = 0; byte < small.bytes.size(); ++byte) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            SCOPED_TRACE(testing::Message() << "bit " << bit << " of byte " << byte);
            std::string damaged = small.bytes;
            damaged[byte] = static_cast<char>(static_cast<unsigned char>(damaged[byte]) ^ 1U << bit);
            const Read read = read_all(damaged);
            // Some bits mean nothing to zstd, and what comes out is the same; else a block is lost, and never
            // one before it.
            ASSERT_GE(read.told.hits.size(), small.hits_in(byte));
            expect_first(small, read.told.hits.size(), read);
            if (byte < 4)
                EXPECT_FALSE(read.status); // nothing looks like a recording then
            else
                EXPECT_TRUE(read.status &&
                            (read.replayed.damage.size() == 1 || read.told.hits.size() == small.hits.size()));
        }
    }
}

TEST(Damage, RubbishInBetweenIsTold) {
    const Small small = small_recording(3);
    const std::size_t middle = small.complete[2].first;
    const Read read = read_all(small.bytes.substr(0, middle) + "rubbish" + small.bytes.substr(middle));
    expect_first(small, small.hits_in(middle), read);
    ASSERT_EQ(read.replayed.damage.size(), 1);
    EXPECT_EQ(read.replayed.damage[0].offset, middle);
    EXPECT_EQ(read.replayed.damage[0].sentence(9), "the recording is damaged at byte " +
                                                       std::to_string(middle) +
                                                       ": no block begins here; 9 hits before it were read");
}

TEST(Damage, OtherFilesAreNoRecordings) {
    Compressor compressor;
    const std::string text = "a text that somebody compressed";
    const std::vector<std::uint8_t> bytes(text.begin(), text.end());
    for (const std::string& file : {std::string("{\"v\":1,\"type\":\"armed\"}\n"), std::string(100'000, '\0'),
                                    std::string("\x7f"
                                                "ELF")}) {
        const Read read = read_all(file);
        ASSERT_FALSE(read.status);
        EXPECT_NE(read.status.error().sentence().find("no recording"), std::string::npos);
        EXPECT_EQ(read.status.error().failure, Failure::Usage);
    }
    const Read read = read_all(compressor.compress(bytes));
    EXPECT_TRUE(!read.status || !read.replayed.damage.empty());
    EXPECT_TRUE(read.told.hits.empty());
}

// Entries as somebody might write them who does not mean well.
class Forged {
  public:
    Forged() {
        header().set_schema(1);
        add().mutable_armed()->add_target()->set_name("x");
    }
    Recording_Entry& add() { return *recording_.add_entry(); }
    Recording_Header& header() {
        if (recording_.entry_size() == 0) add();
        return *recording_.mutable_entry(0)->mutable_header();
    }
    [[nodiscard]] std::string bytes() const {
        const std::string raw = recording_.SerializeAsString();
        return Compressor().compress(std::vector<std::uint8_t>(raw.begin(), raw.end()));
    }
    // The clause that says what is wrong.
    [[nodiscard]] std::string damage() const {
        const Read read = read_all(bytes());
        return read.replayed.damage.empty() ? "" : read.replayed.damage.front().what;
    }

  private:
    Recording recording_;
};

TEST(Damage, NewerRecordingsAreRefusedInWords) {
    Forged forged;
    forged.header().set_schema(7);
    const Read read = read_all(forged.bytes());
    ASSERT_FALSE(read.status);
    EXPECT_NE(
        read.status.error().sentence().find("made by a newer stakeout (schema 7; this one reads up to 1)"),
        std::string::npos);
    EXPECT_TRUE(read.told.armed.empty());
    EXPECT_EQ(read.replayed.schema, 7);
}

TEST(Damage, EntriesOfLaterKindsAreSkipped) {
    Forged forged;
    forged.add(); // nothing that we know
    forged.add().mutable_notice()->set_text("behind it");
    const Read read = read_all(forged.bytes());
    EXPECT_TRUE(read.status && read.replayed.damage.empty());
    EXPECT_EQ(read.told.notices.at(0).text, "behind it");
}

TEST(Damage, IdsThatWereNotTold) {
    {
        Forged forged;
        forged.add().mutable_hit()->set_site(1);
        EXPECT_EQ(forged.damage(), "a hit that names what was not told, or has an impossible number");
    }
    {
        Forged forged;
        forged.add().mutable_text()->set_id(2);
        EXPECT_EQ(forged.damage(), "text 2 after 0 of them");
    }
    {
        Forged forged;
        auto& frame = *forged.add().mutable_frame();
        frame.set_id(1);
        frame.set_module(0xffff'ffff);
        EXPECT_EQ(forged.damage(), "frame 1 names a text that was not told");
    }
    {
        Forged forged;
        auto& stack = *forged.add().mutable_stack();
        stack.set_id(1);
        stack.add_frame(0);
        EXPECT_EQ(forged.damage(), "stack 1 names a frame that was not told");
    }
    {
        Forged forged;
        auto& site = *forged.add().mutable_site();
        site.set_id(1);
        site.set_user_stack(9);
        EXPECT_EQ(forged.damage(), "site 1 names a stack that was not told");
    }
    {
        Forged forged;
        auto& slot = *forged.add().mutable_armed()->add_slot();
        slot.set_target(5);
        EXPECT_EQ(forged.damage(), "an impossible watch");
    }
}

TEST(Damage, MoreThanARecordingMayHold) {
    {
        Forged forged;
        for (std::uint32_t id = 1; id <= recording_limits::most_ids + 1; ++id)
            forged.add().mutable_text()->set_id(id);
        EXPECT_EQ(forged.damage(), "text 65537 after 65536 of them");
    }
    {
        Forged forged;
        auto& text = *forged.add().mutable_text();
        text.set_id(1);
        text.set_text(std::string(recording_limits::longest_text + 1, 'x'));
        EXPECT_EQ(forged.damage(), "text 1 is longer than any");
    }
    {
        Forged forged;
        forged.add().mutable_notice()->set_text(std::string(recording_limits::most_entry_bytes, 'x'));
        EXPECT_EQ(forged.damage(), "an entry that is larger than any");
    }
    // Some kilobytes of zstd that are hundreds of megabytes.
    const std::vector<std::uint8_t> zeros(std::size_t{200} << 20U);
    const Small small = small_recording(4);
    const Read read = read_all(small.bytes + Compressor().compress(zeros));
    expect_first(small, small.hits.size(), read);
    ASSERT_EQ(read.replayed.damage.size(), 1);
}

TEST(Damage, HitsOnTargetsThatAreNotWatched) {
    Forged forged;
    auto& site = *forged.add().mutable_site();
    site.set_id(1);
    site.set_target_index(1);
    forged.add().mutable_task()->set_id(1);
    auto& hit = *forged.add().mutable_hit();
    hit.set_site(1);
    hit.set_task(1);
    EXPECT_EQ(forged.damage(), "a hit on a target that is not watched");
}

TEST(Damage, ARecordingWithoutItsEndGetsASummary) {
    const Small small = small_recording(5);
    Told told;
    Replay replay(told);
    ASSERT_TRUE(replay.feed(as_bytes(small.bytes)));
    ASSERT_TRUE(replay.end());
    EXPECT_TRUE(told.summaries.empty());
    replay.conclude();
    replay.conclude();
    ASSERT_EQ(told.summaries.size(), 1);
    EXPECT_EQ(told.summaries[0].hits, small.hits.size());
    EXPECT_NE(told.summaries[0].reason.find("was killed, or still runs"), std::string::npos);
}

TEST(Damage, ConcatenatedRecordingsAreReadOneAfterTheOther) {
    const Small one = small_recording(6);
    RecordingFacts others = some_facts();
    others.recording = "another";
    Encoder encoder(others, {});
    encoder.begin_segment(a_moment, 0);
    encoder.add(RandomHits(7).armed());
    RandomHits random(8);
    const Hit hit = random.hit(); // of target 0: there is one in any watch
    encoder.add(hit);
    const Read read = read_all(one.bytes + encoder.finish_block().bytes);
    ASSERT_TRUE(read.status && read.replayed.damage.empty());
    EXPECT_EQ(read.told.armed.size(), 2);
    ASSERT_EQ(read.told.hits.size(), one.hits.size() + 1);
    expect_same(read.told.hits.back(), hit);
}

} // namespace
} // namespace stakeout

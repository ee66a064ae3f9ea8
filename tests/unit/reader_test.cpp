#include "watchpoints/hit/reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace stakeout {
namespace {

constexpr std::uint64_t ms = 1'000'000;

std::vector<std::byte> bytes_of(const so_record& record, const std::vector<std::uint64_t>& frames = {}) {
    std::vector<std::byte> bytes(sizeof(record) + frames.size() * sizeof(std::uint64_t));
    std::memcpy(bytes.data(), &record, sizeof(record));
    if (!frames.empty())
        std::memcpy(bytes.data() + sizeof(record), frames.data(), frames.size() * sizeof(std::uint64_t));
    return bytes;
}

so_record hit(std::uint64_t seq, std::uint32_t cpu = 0, std::uint64_t time_ns = 0) {
    so_record record{};
    record.kind = SO_HIT;
    record.seq = seq;
    record.cpu = cpu;
    record.time_ns = time_ns == 0 ? seq * 1000 : time_ns;
    return record;
}

TEST(RecordDecoder, FramesFollowTheRecord) {
    so_record record = hit(1);
    record.kernel_frames = 2;
    record.user_frames = 1;
    const auto decoded = decode_record(bytes_of(record, {10, 11, 20}));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->kernel_frames, (std::vector<std::uint64_t>{10, 11}));
    EXPECT_EQ(decoded->user_frames, (std::vector<std::uint64_t>{20}));
}

TEST(RecordDecoder, RefusesWhatIsMalformed) {
    const auto whole = bytes_of(hit(1), {1, 2});
    EXPECT_FALSE(decode_record({}));
    EXPECT_FALSE(decode_record(std::span(whole).first(sizeof(so_record) - 1)));
    so_record more_frames_than_bytes = hit(1);
    more_frames_than_bytes.kernel_frames = 3;
    EXPECT_FALSE(decode_record(bytes_of(more_frames_than_bytes, {1, 2})));
    so_record unknown_kind = hit(1);
    unknown_kind.kind = 77;
    EXPECT_FALSE(decode_record(bytes_of(unknown_kind)));
    so_record bad_region = hit(1);
    bad_region.region = SO_REGIONS;
    EXPECT_FALSE(decode_record(bytes_of(bad_region)));
    so_record deep = hit(1);
    deep.user_frames = 200;
    EXPECT_FALSE(decode_record(bytes_of(deep, std::vector<std::uint64_t>(200))));
}

TEST(RecordDecoder, TaskNameIsAlwaysTerminated) {
    so_record record = hit(1);
    std::memset(record.comm, 'x', sizeof(record.comm));
    EXPECT_EQ(std::string(decode_record(bytes_of(record))->record.comm).size(), SO_COMM_BYTES - 1U);
}

class ReaderTest : public testing::Test {
  protected:
    std::unique_ptr<Reader> make(bool joins) {
        return Reader::detached(joins, [this](JoinedHit&& joined) { shown_.push_back(std::move(joined)); });
    }
    [[nodiscard]] std::vector<std::uint64_t> order() const {
        std::vector<std::uint64_t> seqs;
        for (const JoinedHit& joined : shown_) seqs.push_back(joined.raw.record.seq);
        return seqs;
    }
    std::vector<JoinedHit> shown_;
};

TEST_F(ReaderTest, PutsRecordsInOrder) {
    auto reader = make(false);
    for (const std::uint64_t seq : {2, 1, 4, 3, 5}) reader->feed(bytes_of(hit(seq, seq % 2)));
    reader->release(1);
    EXPECT_EQ(order(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
}

TEST_F(ReaderTest, AMissingNumberIsWaitedForThenTakenForLost) {
    auto reader = make(false);
    reader->feed(bytes_of(hit(1, 0, 1 * ms)));
    reader->feed(bytes_of(hit(3, 0, 2 * ms)));
    reader->release(3 * ms);
    EXPECT_EQ(order(), (std::vector<std::uint64_t>{1}));
    reader->release(100 * ms);
    EXPECT_EQ(order(), (std::vector<std::uint64_t>{1, 3}));
}

TEST_F(ReaderTest, AnyOrderWithinTheSettlingTimeComesOutSorted) {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        shown_.clear();
        auto reader = make(round % 2 == 0);
        std::vector<std::uint64_t> seqs(50);
        for (std::size_t i = 0; i < seqs.size(); ++i) seqs[i] = i + 1;
        // Numbers and places in the ring differ by no more than the CPUs' number.
        for (std::size_t i = 0; i + 1 < seqs.size(); i += 2)
            if (random() % 2 == 0) std::swap(seqs[i], seqs[i + 1]);
        for (const std::uint64_t seq : seqs) {
            reader->feed(bytes_of(hit(seq, seq % 4)));
            if (random() % 3 == 0) reader->release(seq * 1000 + 10);
        }
        reader->flush();
        ASSERT_EQ(shown_.size(), 50U);
        for (std::size_t i = 0; i < 50; ++i) ASSERT_EQ(shown_[i].raw.record.seq, i + 1);
    }
}

TEST_F(ReaderTest, JoinsTheStepsOfACopy) {
    auto reader = make(true);
    so_record first = hit(1);
    first.new_bytes[0] = 0x11;
    reader->feed(bytes_of(first));
    so_record more = first;
    more.kind = SO_JOINED;
    more.new_bytes[1] = 0x22;
    reader->feed(bytes_of(more));
    reader->feed(bytes_of(hit(2)));
    reader->release(3000);
    ASSERT_EQ(shown_.size(), 1U); // the second may still be joined to
    EXPECT_EQ(shown_[0].traps, 2U);
    EXPECT_EQ(shown_[0].raw.record.new_bytes[0], 0x11);
    EXPECT_EQ(shown_[0].raw.record.new_bytes[1], 0x22);
    reader->flush();
    EXPECT_EQ(order(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(ReaderTest, AStoreOverTwoTargetsIsOneHit) {
    auto reader = make(true);
    reader->feed(bytes_of(hit(1)));
    so_record other = hit(1);
    other.kind = SO_JOINED;
    other.region = 1;
    other.new_bytes[0] = 7;
    reader->feed(bytes_of(other));
    reader->flush();
    ASSERT_EQ(shown_.size(), 1U);
    ASSERT_EQ(shown_[0].other_targets.size(), 1U);
    EXPECT_EQ(shown_[0].other_targets[0].new_bytes[0], 7);
}

TEST_F(ReaderTest, AJoinWithoutItsHitIsIgnored) {
    auto reader = make(true);
    so_record stray = hit(9);
    stray.kind = SO_JOINED;
    reader->feed(bytes_of(stray));
    reader->flush();
    EXPECT_TRUE(shown_.empty());
}

TEST_F(ReaderTest, MalformedRecordsAreCounted) {
    auto reader = make(false);
    reader->feed({});
    EXPECT_EQ(reader->malformed(), 1U);
}

} // namespace
} // namespace stakeout

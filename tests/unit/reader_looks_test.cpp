// Fields, snapshots and follow-ups on their way to their hits.
#include "watchpoints/hit/reader.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

namespace stakeout {
namespace {

constexpr std::uint64_t ms = 1'000'000;

template <class T>
std::vector<std::byte> bytes_of(const T& value, std::size_t size = sizeof(T)) {
    std::vector<std::byte> bytes(size);
    std::memcpy(bytes.data(), &value, size);
    return bytes;
}

so_record hit(std::uint64_t seq, std::uint32_t flags = 0, std::uint64_t delay_ns = 0) {
    so_record record{};
    record.kind = SO_HIT;
    record.seq = seq;
    record.time_ns = seq * 1000;
    record.flags = flags;
    record.delay_ns = delay_ns;
    return record;
}

std::vector<std::byte> extra(std::uint32_t kind, std::uint64_t seq, std::uint64_t time_ns,
                             std::uint8_t field = 0) {
    so_extra raw{};
    raw.kind = kind;
    raw.seq = seq;
    raw.time_ns = time_ns;
    raw.verdict = keep;
    raw.fields[0] = field;
    return bytes_of(raw, offsetof(so_extra, snapshots));
}

class ReaderOfLooks : public testing::Test {
  protected:
    ReaderOfLooks()
        : reader(Reader::detached(false, [this](JoinedHit&& one) { hits.push_back(std::move(one)); })) {
        reader->take_looks([this](RawExtra&& one) { strays.push_back(std::move(one)); });
    }
    std::vector<JoinedHit> hits;
    std::vector<RawExtra> strays;
    std::unique_ptr<Reader> reader;
};

TEST_F(ReaderOfLooks, FieldsComeBeforeTheirHit) {
    reader->feed(extra(SO_EXTRA, 1, 1000, 42));
    reader->feed(bytes_of(hit(1)));
    ASSERT_EQ(hits.size(), 1U);
    ASSERT_TRUE(hits[0].extra.has_value());
    EXPECT_EQ(hits[0].extra->fields.at(0), 42);
}

TEST_F(ReaderOfLooks, AHitWaitsForItsFollowUp) {
    reader->feed(bytes_of(hit(1, SO_DEFERRED, ms)));
    reader->feed(bytes_of(hit(2)));
    reader->release(30 * ms);
    EXPECT_TRUE(hits.empty()) << "the second would be shown before the first";
    EXPECT_TRUE(reader->waits_for_looks());
    reader->feed(extra(SO_FOLLOWUP, 1, ms));
    reader->release(31 * ms);
    ASSERT_EQ(hits.size(), 2U);
    EXPECT_EQ(hits[0].looks.size(), 1U);
    EXPECT_FALSE(reader->waits_for_looks());
}

TEST_F(ReaderOfLooks, AFollowUpMayBeReadBeforeItsHit) {
    reader->feed(extra(SO_FOLLOWUP, 1, 5000));
    reader->feed(bytes_of(hit(1, SO_DEFERRED)));
    ASSERT_EQ(hits.size(), 1U);
    EXPECT_EQ(hits[0].looks.size(), 1U);
    EXPECT_TRUE(strays.empty());
}

TEST_F(ReaderOfLooks, AMissingFollowUpIsNotWaitedForForEver) {
    reader->feed(bytes_of(hit(1, SO_DEFERRED, ms)));
    reader->release(200 * ms);
    ASSERT_EQ(hits.size(), 1U);
    EXPECT_TRUE(hits[0].looks.empty());
}

TEST_F(ReaderOfLooks, ALateFollowUpComesByItself) {
    reader->feed(bytes_of(hit(1, SO_DEFERRED, 2000 * ms)));
    reader->release(30 * ms);
    ASSERT_EQ(hits.size(), 1U) << "two seconds are too long to wait";
    reader->feed(extra(SO_FOLLOWUP, 1, 2000 * ms));
    reader->release(2030 * ms);
    ASSERT_EQ(strays.size(), 1U);
    EXPECT_EQ(strays[0].seq, 1U);
}

TEST_F(ReaderOfLooks, AnUndecidedHitWaitsWithoutHoldingUpOthers) {
    reader->feed(bytes_of(hit(1, SO_DEFERRED | SO_UNDECIDED, 2000 * ms)));
    reader->feed(bytes_of(hit(2)));
    reader->release(30 * ms);
    ASSERT_EQ(hits.size(), 1U);
    EXPECT_EQ(hits[0].raw.record.seq, 2U);
    reader->feed(extra(SO_FOLLOWUP, 1, 2000 * ms));
    ASSERT_EQ(hits.size(), 2U);
    EXPECT_EQ(hits[1].raw.record.seq, 1U);
    EXPECT_EQ(hits[1].looks.size(), 1U);
}

TEST_F(ReaderOfLooks, NothingIsKeptBackAtTheEnd) {
    reader->feed(bytes_of(hit(1, SO_DEFERRED | SO_UNDECIDED, 2000 * ms)));
    reader->feed(bytes_of(hit(2, SO_DEFERRED, 50 * ms)));
    reader->feed(extra(SO_FOLLOWUP, 9, 100 * ms));
    reader->release(30 * ms);
    reader->flush();
    EXPECT_EQ(hits.size(), 2U);
    EXPECT_EQ(strays.size(), 1U);
}

TEST(ExtraDecoder, TakesSnapshotsApart) {
    so_extra raw{};
    raw.kind = SO_FOLLOWUP;
    raw.seq = 7;
    const so_snapshot first{0x1000, 3, 0}, second{0x2000, 8, 1};
    std::memcpy(raw.snapshots, &first, sizeof(first));
    raw.snapshots[sizeof(first)] = 0xab;
    std::memcpy(raw.snapshots + sizeof(first) + 8, &second, sizeof(second));
    raw.snapshot_bytes = 2 * sizeof(so_snapshot) + 8 + 8;
    const auto decoded = decode_extra(bytes_of(raw, offsetof(so_extra, snapshots) + raw.snapshot_bytes));
    ASSERT_TRUE(decoded.has_value());
    ASSERT_EQ(decoded->snapshots.size(), 2U);
    EXPECT_EQ(decoded->snapshots[0].bytes, (std::vector<std::uint8_t>{0xab, 0, 0}));
    EXPECT_EQ(decoded->snapshots[1].address, 0x2000U);
    EXPECT_TRUE(decoded->snapshots[1].failed);
}

TEST(ExtraDecoder, RefusesWhatIsMalformed) {
    EXPECT_FALSE(decode_extra({}));
    so_extra raw{};
    raw.kind = SO_FOLLOWUP;
    raw.snapshot_bytes = 24;
    EXPECT_FALSE(decode_extra(bytes_of(raw, offsetof(so_extra, snapshots)))) << "shorter than it says";
    const so_snapshot too_long{0, 5000, 0};
    std::memcpy(raw.snapshots, &too_long, sizeof(too_long));
    EXPECT_FALSE(decode_extra(bytes_of(raw, offsetof(so_extra, snapshots) + 24)));
    raw = {};
    raw.kind = SO_HIT;
    EXPECT_FALSE(decode_extra(bytes_of(raw, offsetof(so_extra, snapshots))));
}

} // namespace
} // namespace stakeout

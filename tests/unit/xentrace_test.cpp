// xen-bridge/records: Xen's trace records, the buffers that hold them, and the hits in them.
#include "xen-bridge/records/trace_buffer.h"
#include "xen-bridge/records/trace_hits.h"
#include "xen-bridge/records/xentrace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>

// tests/unit/data/pv-user.xentrace
extern "C" const std::uint8_t recorded_pv_user, recorded_pv_user_end;

using namespace stakeout;

namespace {

using Words = std::vector<std::uint32_t>;

void add(std::vector<std::uint8_t>& bytes, std::uint32_t word) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
}
void add_record(std::vector<std::uint8_t>& bytes, std::uint32_t event, std::optional<std::uint64_t> tsc,
                const Words& extra) {
    add(bytes, event | static_cast<std::uint32_t>(extra.size()) << 28 | (tsc ? 1U << 31 : 0));
    if (tsc) {
        add(bytes, static_cast<std::uint32_t>(*tsc));
        add(bytes, static_cast<std::uint32_t>(*tsc >> 32));
    }
    for (const std::uint32_t word : extra) add(bytes, word);
}
void add_trap(std::vector<std::uint8_t>& bytes, std::uint64_t rip, std::uint64_t tsc,
              std::uint32_t vector = 1) {
    add_record(bytes, trace_pv_trap | trace_64_bit, tsc,
               {static_cast<std::uint32_t>(rip), static_cast<std::uint32_t>(rip >> 32), vector});
}
constexpr std::uint32_t started = trace_runstate_change | 1 << 8 | 0 << 4; // runnable -> running
constexpr std::uint32_t stopped = trace_runstate_change | 0 << 8 | 2 << 4; // running -> blocked
std::uint32_t who(std::uint32_t domain, std::uint32_t vcpu) { return domain << 16 | vcpu; }

// A piece of a CPU's buffer, as xentrace writes it.
std::vector<std::uint8_t> piece(std::uint32_t cpu, const std::vector<std::uint8_t>& records) {
    std::vector<std::uint8_t> bytes;
    add_record(bytes, trace_cpu_change, std::nullopt, {cpu, static_cast<std::uint32_t>(records.size())});
    bytes.insert(bytes.end(), records.begin(), records.end());
    return bytes;
}
std::vector<TraceRecord> all(TraceStream& stream) {
    std::vector<TraceRecord> records;
    while (auto record = stream.next()) records.push_back(*record);
    return records;
}
std::vector<TraceHit> hits_in(TraceHits& hits, const std::vector<std::uint8_t>& bytes) {
    TraceStream stream;
    stream.feed(bytes);
    while (const auto record = stream.next()) hits.take(*record);
    return hits.drain();
}

TEST(TraceStream, PiecesOfCpus) {
    std::vector<std::uint8_t> first, second;
    add_trap(first, 0xffffffff81000123ULL, 1000);
    add_record(first, trace_wrap_buffer, std::nullopt, {1, 2, 3});
    add_record(second, started, 2000, {who(1, 0)});
    TraceStream stream;
    stream.feed(piece(0, first));
    stream.feed(piece(1, second));
    const auto records = all(stream);
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].cpu, 0U);
    EXPECT_EQ(records[0].event, 0x201103U);
    EXPECT_EQ(records[0].tsc, 1000U);
    EXPECT_EQ(records[0].words, 3U);
    EXPECT_EQ(records[0].extra[1], 0xffffffffU);
    EXPECT_EQ(records[1].cpu, 1U);
    EXPECT_EQ(stream.defects().records, 0U);
}

TEST(TraceStream, CutAnywhere) {
    std::vector<std::uint8_t> records;
    for (std::uint64_t i = 0; i < 50; ++i) add_trap(records, 0x400000 + i, i + 1);
    const auto bytes = piece(2, records);
    for (std::size_t step = 1; step < 40; ++step) {
        TraceStream stream;
        std::size_t count = 0;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            stream.feed(std::span(bytes).subspan(at, std::min(step, bytes.size() - at)));
            for (; const auto record = stream.next(); ++count) EXPECT_EQ(record->extra[0], 0x400000 + count);
        }
        EXPECT_EQ(count, 50U) << step;
        EXPECT_EQ(stream.waiting_bytes(), 0U);
        EXPECT_EQ(stream.defects().records, 0U);
    }
}

TEST(TraceStream, ADamagedPieceDoesNotSpoilTheNext) {
    std::vector<std::uint8_t> damaged(64, 0), good; // headers without a class
    add_trap(good, 0x400000, 7);
    std::vector<std::uint8_t> too_long;
    add_record(too_long, trace_pv_trap | trace_64_bit, 1, {1, 2, 3});
    for (int i = 0; i < 4; ++i) too_long.pop_back(); // its last word is outside the piece
    TraceStream stream;
    stream.feed(piece(0, damaged));
    stream.feed(piece(1, too_long));
    stream.feed(piece(3, good));
    const auto records = all(stream);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].cpu, 3U);
    EXPECT_EQ(stream.defects().records, 2U);
    EXPECT_EQ(stream.defects().bytes, 64U + too_long.size());
}

TEST(TraceStream, CpuChangesThatCannotBe) {
    for (const Words& extra : {Words{5000, 8}, Words{0, 7}, Words{0}, Words{0, 4, 4}}) {
        std::vector<std::uint8_t> bytes;
        add_record(bytes, trace_cpu_change, std::nullopt, extra);
        TraceStream stream;
        stream.feed(bytes);
        (void)all(stream);
        EXPECT_GE(stream.defects().records, 1U);
    }
}

TEST(TraceStream, OneCpusBuffer) {
    std::vector<std::uint8_t> bytes;
    add_trap(bytes, 0x400000, 7);
    TraceStream stream(5);
    stream.feed(bytes);
    const auto record = stream.next();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->cpu, 5U);
}

TEST(TraceHits, AreWhoseTheSchedulerSays) {
    std::vector<std::uint8_t> zero, one;
    add_record(zero, started, 1, {who(2, 1)});
    add_trap(zero, 0xffffffff81000123ULL, 2);
    add_trap(zero, 0x401136, 3);
    add_trap(zero, 0x401136, 4, 14); // a page fault
    add_record(zero, stopped, 5, {who(2, 1)});
    add_record(zero, started, 6, {who(idle_domain, 0)});
    add_record(zero, trace_runstate_change | 2 << 8 | 1 << 4, 6, {who(2, 1)}); // woken up: still not running
    add_record(zero, stopped, 7, {who(idle_domain, 0)});
    add_record(zero, started, 8, {who(3, 0)});
    add_trap(zero, 0x401200, 9);
    add_record(one, trace_continue_running, 1, {who(2, 0)});
    add_trap(one, 0x401300, 2);
    auto bytes = piece(0, zero);
    const auto more = piece(1, one);
    bytes.insert(bytes.end(), more.begin(), more.end());
    TraceHits hits;
    const auto found = hits_in(hits, bytes);
    ASSERT_EQ(found.size(), 4U);
    EXPECT_EQ(found[0].who, (VcpuOfDomain{2, 1}));
    EXPECT_EQ(found[0].rip, 0xffffffff81000123ULL);
    EXPECT_FALSE(found[0].user_mode);
    EXPECT_EQ(found[0].tsc, 2U);
    EXPECT_TRUE(found[1].user_mode);
    EXPECT_EQ(found[2].who, (VcpuOfDomain{3, 0}));
    EXPECT_EQ(found[3].who, (VcpuOfDomain{2, 0}));
    EXPECT_EQ(found[3].pcpu, 1U);
    EXPECT_EQ(hits.counts().hits, 4U);
    EXPECT_EQ(hits.counts().unattributed, 0U);
}

TEST(TraceHits, HitsBeforeTheFirstSchedulerRecordWait) {
    std::vector<std::uint8_t> records;
    add_trap(records, 0x401136, 1);
    TraceHits hits;
    EXPECT_TRUE(hits_in(hits, piece(0, records)).empty());
    EXPECT_TRUE(hits.waiting());
    records.clear();
    add_record(records, stopped, 2, {who(2, 1)});
    auto found = hits_in(hits, piece(0, records));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].who, (VcpuOfDomain{2, 1}));

    records.clear(); // nobody runs now as far as is known; another one begins: whose it was is not told
    add_trap(records, 0x401137, 3);
    add_record(records, started, 4, {who(2, 0)});
    found = hits_in(hits, piece(0, records));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_FALSE(found[0].who);
    EXPECT_EQ(hits.counts().unattributed, 1U);
}

TEST(TraceHits, FlushGivesUp) {
    std::vector<std::uint8_t> records;
    add_trap(records, 0x401136, 1);
    TraceHits hits;
    EXPECT_TRUE(hits_in(hits, piece(0, records)).empty());
    hits.flush();
    const auto found = hits.drain();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_FALSE(found[0].who);
}

TEST(TraceHits, ALossEndsWhatWasKnown) {
    std::vector<std::uint8_t> records;
    add_record(records, started, 1, {who(2, 1)});
    add_record(records, trace_lost_records, 5, {17, 3U | 1U << 16, 2, 0}); // now domain 3's vCPU 1
    add_trap(records, 0x401136, 6);
    add_record(records, trace_lost_records, 7, {4}); // an old Xen's: does not say
    add_trap(records, 0x401136, 8);
    TraceHits hits;
    auto found = hits_in(hits, piece(0, records));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].who, (VcpuOfDomain{3, 1}));
    EXPECT_TRUE(hits.waiting());
    EXPECT_EQ(hits.counts().lost_records, 21U);
    EXPECT_EQ(hits.counts().losses, 2U);
}

// Written by xentrace -D -e 0x221000 on Xen 4.17, while a program in a PV guest (domain 1, watched from dom0
// through its debug registers) incremented a variable; of the piece's 1,047 records 162 are its hits.
TEST(TraceHits, ARealTrace) {
    const std::vector<std::uint8_t> trace(&recorded_pv_user, &recorded_pv_user_end);
    ASSERT_EQ(trace.size(), 19376U);
    for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, trace.size()}) {
        TraceStream stream;
        TraceHits hits;
        std::size_t records = 0;
        for (std::size_t at = 0; at < trace.size(); at += step) {
            stream.feed(std::span(trace).subspan(at, std::min(step, trace.size() - at)));
            for (; const auto record = stream.next(); ++records) hits.take(*record);
        }
        const auto found = hits.drain();
        EXPECT_EQ(records, 1047U);
        EXPECT_EQ(found.size(), 162U);
        EXPECT_EQ(stream.defects().records, 0U);
        EXPECT_EQ(hits.counts().unattributed, 0U);
        for (const TraceHit& hit : found) {
            EXPECT_EQ(hit.who, (VcpuOfDomain{1, 0}));
            EXPECT_EQ(hit.rip, 0x4000bcU);
            EXPECT_TRUE(hit.user_mode);
        }
        EXPECT_TRUE(std::is_sorted(found.begin(), found.end(),
                                   [](const auto& a, const auto& b) { return a.tsc < b.tsc; }));
    }
}

TEST(TraceHits, VerboseSwitchesAndShortRecords) {
    std::vector<std::uint8_t> records;
    add_record(records, trace_switch, 1, {2, 0, 4, 1});
    add_trap(records, 0x401136, 2);
    add_record(records, trace_pv_trap, 3, {0xc0101010U, 1}); // a 32-bit guest's
    add_record(records, trace_pv_trap | trace_64_bit, 4, {1});
    add_record(records, started, 5, {});
    TraceHits hits;
    const auto found = hits_in(hits, piece(0, records));
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].who, (VcpuOfDomain{4, 1}));
    EXPECT_EQ(found[1].rip, 0xc0101010U);
    EXPECT_FALSE(found[1].user_mode);
    EXPECT_EQ(hits.counts().malformed, 2U);
}

// A CPU's buffer of two pages, filled as Xen does it.
class Buffer {
  public:
    std::vector<std::uint32_t> memory = std::vector<std::uint32_t>(2 * 1024);
    [[nodiscard]] std::span<std::uint8_t> bytes() {
        return {static_cast<std::uint8_t*>(static_cast<void*>(memory.data())), memory.size() * 4};
    }
    std::uint32_t& cons() { return memory[0]; }
    std::uint32_t& prod() { return memory[1]; }
    [[nodiscard]] std::uint32_t data() const { return static_cast<std::uint32_t>(memory.size() * 4 - 8); }
    void put(const std::vector<std::uint8_t>& record) {
        const std::uint32_t left = data() - prod() % data();
        if (left < record.size()) { // it must not cross the end
            std::vector<std::uint8_t> filler;
            const std::uint32_t words = left / 4 - 1;
            add_record(filler, trace_wrap_buffer, words > 7 ? std::optional<std::uint64_t>(0) : std::nullopt,
                       Words(words > 7 ? words - 2 : words));
            copy(filler);
        }
        copy(record);
    }
    void copy(const std::vector<std::uint8_t>& record) {
        std::memcpy(bytes().data() + 8 + prod() % data(), record.data(), record.size());
        prod() = static_cast<std::uint32_t>((prod() + record.size()) % (2 * data()));
    }
};

TEST(TraceBuffer, EveryRecordOnceOverManyRounds) {
    Buffer buffer;
    TraceBuffer reader(buffer.bytes());
    EXPECT_EQ(reader.data_bytes(), 8192U - 8);
    TraceStream stream(0);
    std::uint64_t put = 0, got = 0;
    for (int round = 0; round < 400; ++round) {
        for (int i = 0; i < 1 + round % 150; ++i) {
            std::vector<std::uint8_t> record;
            add_trap(record, put, put + 1);
            if (put % 3 == 0) add_record(record, started, put, {who(1, 0)});
            ++put;
            buffer.put(record);
        }
        std::vector<std::uint8_t> bytes;
        const auto drained = reader.drain(bytes);
        ASSERT_TRUE(drained) << drained.error().sentence();
        EXPECT_EQ(*drained, bytes.size());
        stream.feed(bytes);
        while (const auto record = stream.next()) {
            if (record->event == started) continue;
            EXPECT_EQ(record->extra[0], got);
            ++got;
        }
    }
    EXPECT_EQ(got, put);
    EXPECT_EQ(stream.defects().records, 0U);
    EXPECT_EQ(reader.waiting_bytes(), 0U);
}

TEST(TraceBuffer, PositionsThatAreNone) {
    Buffer buffer;
    TraceBuffer reader(buffer.bytes());
    std::vector<std::uint8_t> bytes;
    struct Case {
        std::uint32_t cons, prod;
    };
    for (const Case& bad : {Case{2, 8}, Case{0, 2 * 8184}, Case{0, 8188}, Case{~3U, 16}, Case{100, 96}}) {
        buffer.cons() = bad.cons;
        buffer.prod() = bad.prod;
        EXPECT_FALSE(reader.drain(bytes)) << bad.cons << " " << bad.prod;
        EXPECT_EQ(reader.waiting_bytes(), 0U);
        EXPECT_TRUE(bytes.empty());
    }
    buffer.cons() = ~3U;
    buffer.prod() = 16;
    EXPECT_FALSE(reader.drain(bytes));
    EXPECT_TRUE(reader.drain(bytes)) << "reading began anew";
    buffer.cons() = 0;
    buffer.prod() = 8184;
    const auto full = reader.drain(bytes);
    ASSERT_TRUE(full);
    EXPECT_EQ(*full, 8184U);
    std::vector<std::uint8_t> nothing(8);
    EXPECT_FALSE(TraceBuffer(nothing).drain(bytes));
    buffer.prod() = 400;
    reader.skip();
    EXPECT_EQ(buffer.cons(), 400U);
}

TEST(TraceBuffer, FramesOfEachCpu) {
    std::vector<std::uint8_t> table(4096);
    const auto put16 = [&](std::size_t at, std::uint16_t value) {
        std::memcpy(table.data() + at, &value, 2);
    };
    const auto put32 = [&](std::size_t at, std::uint32_t value) {
        std::memcpy(table.data() + at, &value, 4);
    };
    put16(0, 2);   // pages
    put16(2, 100); // CPU 0's list, in words
    put16(4, 0);   // no CPU 1
    put16(6, 102);
    put32(400, 0x1111), put32(404, 0x1112), put32(408, 0x2222), put32(412, 0x2223);
    const auto frames = trace_buffer_frames(table, 3);
    ASSERT_TRUE(frames) << frames.error().sentence();
    EXPECT_EQ(frames->of_cpu[0], (std::vector<std::uint64_t>{0x1111, 0x1112}));
    EXPECT_TRUE(frames->of_cpu[1].empty());
    EXPECT_EQ(frames->of_cpu[2], (std::vector<std::uint64_t>{0x2222, 0x2223}));
    put16(6, 1023);
    EXPECT_FALSE(trace_buffer_frames(table, 3));
    EXPECT_FALSE(trace_buffer_frames(std::span(table).first(4), 3));
}

} // namespace

// xen-bridge/guest: page tables, memory, aliases.
#include "fake_guest.h"
#include "xen-bridge/guest/kernel_layout.h"

#include <gtest/gtest.h>

using namespace stakeout;
using namespace stakeout::test;

namespace {

constexpr std::uint64_t kernel = 0xffff'ffff'8100'0000ULL;

TEST(PageWalk, FindsPagesOfAllSizes) {
    FakeGuest guest;
    guest.map(kernel + 0x3000, 0x77);
    guest.map(kernel + 0x20'0000, 0x1000, page_present | page_user | page_no_execute | 1U << 12,
              2); // with PAT
    guest.map(0xffff'8880'0000'0000ULL, 0x40000, page_present | page_writable, 3);

    auto page = walk(guest.frames, guest.tables, kernel + 0x3abc);
    ASSERT_TRUE(page) << page.error().sentence();
    EXPECT_EQ(page->frame, 0x77U);
    EXPECT_EQ(page->mapping_bytes, 4096U);
    EXPECT_TRUE(page->writable && page->executable);
    EXPECT_FALSE(page->user);

    page = walk(guest.frames, guest.tables, kernel + 0x20'0000 + 0x5123);
    ASSERT_TRUE(page) << page.error().sentence();
    EXPECT_EQ(page->frame, 0x1005U);
    EXPECT_EQ(page->mapping_bytes, 2U << 20);
    EXPECT_FALSE(page->writable || page->executable);
    EXPECT_TRUE(page->user);

    page = walk(guest.frames, guest.tables, 0xffff'8880'1234'5678ULL);
    ASSERT_TRUE(page) << page.error().sentence();
    EXPECT_EQ(page->frame, 0x40000U + 0x12345);
    EXPECT_EQ(page->mapping_bytes, 1U << 30);
}

TEST(PageWalk, FiveLevels) {
    FakeGuest guest(5);
    guest.map(0xff11'0000'0000'1000ULL, 0x99);
    const auto page = walk(guest.frames, guest.tables, 0xff11'0000'0000'1008ULL);
    ASSERT_TRUE(page) << page.error().sentence();
    EXPECT_EQ(page->frame, 0x99U);
    EXPECT_TRUE(is_canonical(0xff11'0000'0000'1000ULL, 5));
    EXPECT_FALSE(is_canonical(0xff11'0000'0000'1000ULL, 4));
    EXPECT_FALSE(walk(guest.frames, {1, 4}, 0xff11'0000'0000'1008ULL));
}

TEST(PageWalk, RightsAreThoseOfEveryLevel) {
    FakeGuest guest;
    guest.map(0x400000, 0x50, page_present | page_writable | page_user);
    const std::uint64_t directory = guest.get(1, 0) >> 12;
    guest.put(1, 0, directory << 12 | page_present); // neither writable nor user
    const auto page = walk(guest.frames, guest.tables, 0x400000);
    ASSERT_TRUE(page);
    EXPECT_FALSE(page->writable || page->user);
}

TEST(PageWalk, SaysWhereItEnds) {
    FakeGuest guest;
    guest.map(kernel, 0x77);
    const auto sentence = [&](std::uint64_t address) {
        const auto page = walk(guest.frames, guest.tables, address);
        return page ? std::string("mapped") : page.error().sentence();
    };
    EXPECT_NE(sentence(0x8000'0000'0000ULL).find("not canonical"), std::string::npos);
    EXPECT_NE(sentence(0x1000).find("PML4 entry (level 4, table in frame 0x1) is not present: 0x0"),
              std::string::npos);
    guest.put(4, FakeGuest::index(kernel + 0x1000, 1), 0xdead'0000);
    EXPECT_NE(sentence(kernel + 0x1000)
                  .find("page table entry (level 1, table in frame 0x4) is not present: 0xdead0000"),
              std::string::npos);
    guest.put(1, FakeGuest::index(0x1000, 4), page_present | page_large);
    EXPECT_NE(sentence(0x1000).find("none that a CPU accepts"), std::string::npos);
    guest.put(1, FakeGuest::index(0x1000, 4), 0xabcULL << 12 | page_present);
    EXPECT_NE(sentence(0x1000).find("(level 3) lies in frame 0xabc, which cannot be mapped"),
              std::string::npos);
    EXPECT_FALSE(walk(guest.frames, {1, 3}, kernel));
    const WalkEnd end = walk_to_end(guest.frames, guest.tables, kernel + 0x40'0000);
    EXPECT_EQ(end.kind, WalkEnd::Kind::NotPresent);
    EXPECT_EQ(end.covered_bytes(), 2U << 20);
}

TEST(PageWalk, TablesThatLeadToThemselvesEnd) {
    FakeGuest guest;
    for (std::uint64_t i = 0; i < 512; ++i) guest.put(1, i, 1ULL << 12 | page_present);
    const auto page = walk(guest.frames, guest.tables, 0x1000);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->frame, 1U);
}

TEST(GuestMemory, CrossesPagesAndStopsAtHoles) {
    FakeGuest guest;
    guest.write_value<std::uint64_t>(kernel + 0xffc, 0x1122'3344'5566'7788ULL);
    EXPECT_EQ(guest.memory.read<std::uint64_t>(kernel + 0xffc), 0x1122'3344'5566'7788ULL);
    EXPECT_EQ(guest.memory.read<std::uint64_t>(kernel + 0x1ffc), std::nullopt);
    std::array<std::uint8_t, 64> bytes{};
    EXPECT_EQ(guest.memory.read(kernel + 0x2000 - 10, bytes), 10U);
    EXPECT_EQ(guest.memory.read(kernel + 0x2000, bytes), 0U);
    EXPECT_EQ(guest.memory.read(~0ULL - 3, bytes), 0U);
    const auto physical = guest.memory.physical(kernel + 0xffc);
    ASSERT_TRUE(physical);
    EXPECT_EQ(*physical % 4096, 0xffcU);
    EXPECT_FALSE(guest.memory.page(kernel + 0x9000));
}

TEST(GuestMemory, ReadsTexts) {
    FakeGuest guest;
    guest.write_text(kernel + 0xff8, "Linux version 6.1");
    const auto text = guest.memory.read_string(kernel + 0xff8);
    ASSERT_TRUE(text) << text.error().sentence();
    EXPECT_EQ(*text, "Linux version 6.1");
    EXPECT_FALSE(guest.memory.read_string(kernel + 0xff8, 8));
    EXPECT_FALSE(guest.memory.read_string(kernel + 0x5000));
    guest.write(kernel + 0x1fff, std::vector<std::uint8_t>{'x'});
    EXPECT_FALSE(guest.memory.read_string(kernel + 0x1fff));
}

TEST(GuestMemory, TranslationsLiveUntilForget) {
    FakeGuest guest;
    guest.write_value<std::uint32_t>(kernel, 1);
    EXPECT_EQ(guest.memory.read<std::uint32_t>(kernel), 1U);
    guest.put(4, FakeGuest::index(kernel, 1), 0);
    EXPECT_EQ(guest.memory.read<std::uint32_t>(kernel), 1U);
    guest.memory.forget();
    EXPECT_EQ(guest.memory.read<std::uint32_t>(kernel), std::nullopt);
    EXPECT_EQ(guest.frames.forgotten, 1);
}

TEST(GuestMemory, ForgetsByItselfInALongRead) {
    FakeGuest guest;
    const std::vector<std::uint8_t> much(3000 * 4096, 0x5a);
    guest.write(kernel, much);
    std::vector<std::uint8_t> back(much.size());
    EXPECT_EQ(guest.memory.read(kernel, back), much.size());
    EXPECT_EQ(back, much);
    EXPECT_GE(guest.frames.forgotten, 2);
}

TEST(GuestMemory, AnnouncesLongReadsAndLeavesTextOut) {
    class Announced : public FakeFrames {
      public:
        void expect(std::span<const std::uint64_t> numbers) override {
            EXPECT_LE(numbers.size(), 256U);
            for (const std::uint64_t number : numbers) EXPECT_TRUE(has(number));
            announced += numbers.size();
        }
        std::size_t announced = 0;
    };
    Announced frames;
    FakeGuest made;
    made.write(kernel, std::vector<std::uint8_t>(600 * 4096, 0x5a));
    made.map(kernel + 0x1000, 0x10001, page_present | page_no_execute);
    for (std::uint64_t number = 1; number < 0x10300; ++number) {
        const auto from = made.frames.frame(number);
        if (!from.empty()) std::copy(from.begin(), from.end(), frames.at(number).begin());
    }
    GuestMemory memory(frames, made.tables);
    std::vector<std::uint8_t> bytes(600 * 4096);
    EXPECT_EQ(memory.read(kernel, bytes), bytes.size());
    EXPECT_GE(frames.announced, 600U);
    EXPECT_EQ(memory.data_reader()(kernel, bytes), 0U);
    EXPECT_EQ(memory.data_reader()(kernel + 0x1000, bytes), 4096U) << "the page behind it is text";
    EXPECT_EQ(memory.reader()(kernel + 0x1000, bytes), 599U * 4096);
}

GuestLayout layout() {
    GuestLayout layout;
    layout.page_offset = 0xffff'8880'0000'0000ULL;
    layout.direct_map_bytes = 512ULL << 20;
    layout.image_start = 0xffff'ffff'9200'0000ULL;
    layout.image_end = 0xffff'ffff'9500'0000ULL;
    layout.phys_base = 0x1000'0000ULL - 0x1100'0000ULL; // below zero
    return layout;
}

TEST(KernelLayout, AliasesOfAPhysicalAddress) {
    const GuestLayout here = layout();
    const std::uint64_t variable = 0xffff'ffff'9345'6780ULL;
    const auto physical = physical_of(here, variable);
    ASSERT_TRUE(physical);
    EXPECT_EQ(*physical, 0x1345'6780U - 0x100'0000U);
    EXPECT_EQ(image_address(here, *physical), variable);
    EXPECT_EQ(direct_map_address(here, *physical), here.page_offset + *physical);
    EXPECT_EQ(physical_of(here, here.page_offset + *physical), *physical);
    EXPECT_EQ(aliases(here, *physical).size(), 2U);
    ASSERT_EQ(aliases(here, 0x1000).size(), 1U);
    EXPECT_EQ(aliases(here, 0x1000)[0].kind, KernelAlias::Kind::DirectMap);
    EXPECT_TRUE(aliases(here, 1ULL << 40).empty());
    EXPECT_FALSE(physical_of(here, 0x400000));
    EXPECT_FALSE(physical_of(here, 0xffff'c900'0000'0000ULL));
}

TEST(KernelLayout, OnlyAliasesThatShowTheFrame) {
    FakeGuest guest;
    const GuestLayout here = layout();
    const std::uint64_t physical = 0x1245'6780U;
    guest.map(here.page_offset + (physical & ~0xfffULL), 0x4711);
    auto found = same_frame_aliases(guest.memory, here, physical, 0x4711);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].address, here.page_offset + physical);
    EXPECT_TRUE(same_frame_aliases(guest.memory, here, physical, 0x4712).empty());
    guest.map(*image_address(here, physical) & ~0xfffULL, 0x4711);
    EXPECT_EQ(same_frame_aliases(guest.memory, here, physical, 0x4711).size(), 2U);
}

} // namespace

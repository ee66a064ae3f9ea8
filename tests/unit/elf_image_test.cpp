// The test binary looks at itself.
#include "watchpoints/target/elf_image.h"

#include "watchpoints/target/process_maps.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

extern "C" {
int stakeout_test_variable = 42;
thread_local int stakeout_test_thread_local = 7;
[[gnu::noinline, gnu::used]] int stakeout_test_function(int x) { return x + stakeout_test_variable; }
}

namespace stakeout::test_names {
struct Order {
    [[gnu::noinline, gnu::used]] static int total(int x);
};
int Order::total(int x) { return x * 3; }
} // namespace stakeout::test_names

namespace stakeout {
namespace {

// By way of memcpy: clang's analyser breaks down over a difference of function addresses that it can see
// through.
template <class Pointer>
std::uint64_t address_of(Pointer pointer) {
    std::uint64_t address = 0;
    static_assert(sizeof pointer == sizeof address);
    std::memcpy(&address, static_cast<const void*>(&pointer), sizeof address);
    return address;
}

std::unique_ptr<ElfImage> self() {
    auto image = ElfImage::open("/proc/self/exe");
    EXPECT_TRUE(image);
    return std::move(*image);
}

// What to add to a linked address to get ours.
std::uint64_t bias(const ElfImage& image) {
    const auto maps = ProcessMaps::read(::getpid());
    const auto address = address_of(&stakeout_test_function);
    const Mapping* mapping = maps ? maps->containing(address) : nullptr;
    if (mapping == nullptr) return 0;
    return mapping->start - image.address_of_offset(mapping->offset).value_or(0);
}

TEST(ElfImage, FindsSymbols) {
    const auto image = self();
    const auto variable = image->find("stakeout_test_variable");
    ASSERT_EQ(variable.size(), 1U);
    EXPECT_TRUE(variable[0].is_data);
    EXPECT_EQ(variable[0].size, sizeof(int));
    EXPECT_EQ(variable[0].address + bias(*image), address_of(&stakeout_test_variable));
    const auto function = image->find("stakeout_test_function");
    ASSERT_EQ(function.size(), 1U);
    EXPECT_TRUE(function[0].is_text);
    EXPECT_EQ(stakeout_test_thread_local, 7); // used, or the linker leaves it out
    const auto local = image->find("stakeout_test_thread_local");
    ASSERT_EQ(local.size(), 1U);
    EXPECT_TRUE(local[0].is_thread_local);
    EXPECT_TRUE(image->find("no_such_symbol").empty());
    EXPECT_TRUE(image->find("").empty());
}

TEST(ElfImage, FindsCxxNames) {
    const auto image = self();
    for (const char* name : {"stakeout::test_names::Order::total", "stakeout::test_names::Order::total(int)",
                             "_ZN8stakeout10test_names5Order5totalEi"}) {
        const auto found = image->find(name);
        ASSERT_EQ(found.size(), 1U) << name;
        EXPECT_EQ(found[0].address + bias(*image), address_of(&test_names::Order::total));
    }
}

TEST(ElfImage, FindsWhatHoldsAnAddress) {
    const auto image = self();
    const std::uint64_t linked = address_of(&stakeout_test_function) - bias(*image);
    const auto symbol = image->containing(linked + 1);
    ASSERT_TRUE(symbol);
    EXPECT_EQ(symbol->name, "stakeout_test_function");
    EXPECT_FALSE(image->containing(~0ULL));
    EXPECT_FALSE(image->containing(0));
}

TEST(ElfImage, TellsLines) {
    const auto image = self();
    const std::uint64_t linked = address_of(&stakeout_test_function) - bias(*image);
    const auto line = image->line_of(linked);
    ASSERT_TRUE(line) << "the tests are built with -g";
    EXPECT_TRUE(line->file.ends_with("elf_image_test.cpp")) << line->file;
    EXPECT_GT(line->line, 15);
    EXPECT_LT(line->line, 30);
    EXPECT_FALSE(image->line_of(0));
    EXPECT_FALSE(image->line_of(~0ULL));
}

TEST(ElfImage, ReadsCode) {
    const auto image = self();
    const std::uint64_t address = address_of(&stakeout_test_function);
    std::array<std::uint8_t, 16> from_file{}, from_memory{};
    ASSERT_EQ(image->read(address - bias(*image), from_file), from_file.size());
    std::memcpy(from_memory.data(), std::bit_cast<const void*>(address), from_memory.size());
    EXPECT_EQ(from_file, from_memory);
    EXPECT_EQ(image->read(~0ULL - 4, from_file), 0U);
    EXPECT_FALSE(image->address_of_offset(1ULL << 60));
}

TEST(ElfImage, KnowsWhatItIs) {
    const auto image = self();
    EXPECT_TRUE(image->is_executable());
    EXPECT_NE(image->entry(), 0U);
    EXPECT_FALSE(image->has_copy_relocation("no_such_symbol"));
    const auto near = image->nearest("stakeout_test_variabel");
    ASSERT_FALSE(near.empty());
    EXPECT_EQ(near[0], "stakeout_test_variable");
}

TEST(ElfImage, RefusesWhatIsNoElf) {
    EXPECT_FALSE(ElfImage::open("/nonexistent"));
    EXPECT_FALSE(ElfImage::open("/proc/self/maps"));
    EXPECT_FALSE(ElfImage::open("/"));
}

TEST(ElfImage, SurvivesDamage) {
    std::ifstream whole("/bin/true", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(whole), {}};
    ASSERT_GT(bytes.size(), 4096U);
    const std::string path = testing::TempDir() + "stakeout-damaged-" + std::to_string(::getpid());
    const auto look_at = [&](const std::string& text) {
        std::ofstream(path, std::ios::binary) << text;
        const auto image = ElfImage::open(path);
        if (!image) return;
        for (const std::uint64_t address : {0ULL, 0x1000ULL, 0x2345ULL, ~0ULL}) {
            (void)(*image)->containing(address);
            (void)(*image)->line_of(address);
            (void)(*image)->address_of_offset(address);
            std::array<std::uint8_t, 32> code{};
            (void)(*image)->read(address, code);
        }
        (void)(*image)->find("main");
        (void)(*image)->has_copy_relocation("stdout");
        (void)(*image)->is_executable();
    };
    for (const std::size_t size : {0UL, 1UL, 16UL, 63UL, 64UL, 65UL, 120UL, 1000UL, bytes.size() / 2}) {
        look_at(bytes.substr(0, size));
    }
    for (std::size_t at = 16; at < 64 + 13 * 56; ++at) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
        look_at(damaged);
    }
    std::string headers = bytes; // every section header in turn is at the end of the file
    for (std::size_t at = bytes.size() - 40UL * 64; at < bytes.size(); at += 7) headers[at] = '\xff';
    look_at(headers);
    std::remove(path.c_str());
}

} // namespace
} // namespace stakeout

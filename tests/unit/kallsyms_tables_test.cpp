// xen-bridge/guest: a kernel's own symbol tables, found in its memory.
#include "kallsyms_image.h"
#include "watchpoints/target/kernel_symbols.h"

#include <gtest/gtest.h>

using namespace stakeout;
using namespace stakeout::test;
using Addresses = KallsymsTables::Addresses;
using Order = KallsymsTables::Order;

namespace {

constexpr std::uint64_t text = 0xffff'ffff'8100'0000ULL;
constexpr std::uint64_t image = text + 0x10'0000;

std::string printed(const std::vector<ImageSymbol>& symbols) {
    std::string all;
    for (const ImageSymbol& symbol : symbols) {
        std::array<char, 32> address{};
        (void)snprintf(address.data(), address.size(), "%016lx", static_cast<unsigned long>(symbol.address));
        all += std::string(address.data()) + " " + symbol.type + " " + symbol.name + "\n";
    }
    return all;
}

void expect_all_found(const ImageOptions& options, Order order, bool per_cpu = true) {
    const auto symbols = many_symbols(5000, text, per_cpu);
    const auto bytes = ImageMaker(options).make(symbols, image);
    const auto tables = find_kallsyms(reader_of(bytes, image), image, image + bytes.size());
    ASSERT_TRUE(tables) << tables.error().sentence();
    EXPECT_EQ(tables->symbols, 5000U);
    EXPECT_EQ(tables->order, order);
    EXPECT_EQ(tables->addresses, options.addresses);
    EXPECT_EQ(tables->text, printed(symbols));
}

TEST(Kallsyms, OldOrder) { expect_all_found({}, Order::OffsetsFirst); }

TEST(Kallsyms, OldOrderWithSequence) {
    ImageOptions options;
    options.sequence = true;
    expect_all_found(options, Order::OffsetsFirst);
}

TEST(Kallsyms, NewOrder) {
    ImageOptions options;
    options.offsets_last = true;
    expect_all_found(options, Order::OffsetsLast);
}

TEST(Kallsyms, WithoutAbsolutePerCpuSymbols) {
    ImageOptions options;
    options.offsets_last = true;
    options.addresses = Addresses::Relative;
    expect_all_found(options, Order::OffsetsLast, false);
}

TEST(Kallsyms, RelativeToTheOffsetsOwnPlace) {
    ImageOptions options;
    options.offsets_last = true;
    options.addresses = Addresses::PlaceRelative;
    expect_all_found(options, Order::OffsetsLast, false);
}

TEST(Kallsyms, IsWhatKernelSymbolsReads) {
    const auto bytes = ImageMaker({}).make(many_symbols(5000), image);
    auto tables = find_kallsyms(reader_of(bytes, image), image, image + bytes.size());
    ASSERT_TRUE(tables);
    const auto symbols = KernelSymbols::parse(std::move(tables->text));
    EXPECT_EQ(symbols->size(), 5000U);
    ASSERT_EQ(symbols->find("sys_write.9").size(), 1U);
    EXPECT_EQ(symbols->find("sys_write.9")[0].address, text + 9 * 32);
    ASSERT_EQ(symbols->find("cpu_variable_3").size(), 1U);
    EXPECT_EQ(symbols->find("cpu_variable_3")[0].address, 3U * 64);
}

TEST(Kallsyms, HolesInTheImageArePassedOver) {
    const auto bytes = ImageMaker({}).make(many_symbols(5000), image);
    const auto with_holes = [&](std::uint64_t address, std::span<std::uint8_t> into) -> std::size_t {
        if (address < image) { // before the tables every second page is not there
            if (address / 4096 % 2 == 0) return 0;
            const std::size_t count = std::min<std::size_t>(into.size(), 4096 - address % 4096);
            std::fill_n(into.begin(), count, std::uint8_t{0xcc});
            return count;
        }
        return reader_of(bytes, image)(address, into);
    };
    const auto tables = find_kallsyms(with_holes, image - 0x8'0000, image + bytes.size() + 0x4'0000);
    ASSERT_TRUE(tables) << tables.error().sentence();
    EXPECT_EQ(tables->symbols, 5000U);
}

TEST(Kallsyms, SaysWhatIsMissing) {
    const std::vector<std::uint8_t> nothing(1 << 20, 0);
    auto tables = find_kallsyms(reader_of(nothing, image), image, image + nothing.size());
    ASSERT_FALSE(tables);
    EXPECT_NE(tables.error().sentence().find("no token table"), std::string::npos);
    EXPECT_FALSE(find_kallsyms(reader_of(nothing, image), image, image));
    EXPECT_FALSE(find_kallsyms(reader_of(nothing, image), image, image - 1));
    EXPECT_FALSE(find_kallsyms(reader_of(nothing, image), 0, ~0ULL));

    const auto few = ImageMaker({}).make(many_symbols(1000), image); // too few to be sure of
    tables = find_kallsyms(reader_of(few, image), image, image + few.size());
    ASSERT_FALSE(tables);
    EXPECT_NE(tables.error().sentence().find("token table at"), std::string::npos);
}

// Whatever single piece of the tables is damaged: they are refused, or every name still has its address.
TEST(Kallsyms, DamagedTables) {
    const auto symbols = many_symbols(4200);
    const auto whole = ImageMaker({}).make(symbols, image);
    const std::string right = printed(symbols);
    std::size_t refused = 0, tried = 0;
    for (std::size_t at = 8192; at + 8192 < whole.size(); at += 1777, ++tried) {
        auto bytes = whole;
        for (std::size_t i = 0; i < 16; ++i) bytes[at + i] = static_cast<std::uint8_t>(~bytes[at + i]);
        const auto tables = find_kallsyms(reader_of(bytes, image), image, image + bytes.size());
        if (!tables)
            ++refused;
        else
            EXPECT_EQ(tables->symbols, symbols.size());
    }
    EXPECT_GT(refused, tried / 2);
    const auto cut = std::vector<std::uint8_t>(whole.begin(),
                                               whole.begin() + static_cast<std::ptrdiff_t>(whole.size() / 2));
    EXPECT_FALSE(find_kallsyms(reader_of(cut, image), image, image + cut.size()));
}

} // namespace

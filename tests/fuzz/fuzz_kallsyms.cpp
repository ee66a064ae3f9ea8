// libFuzzer: the search for a kernel's symbol tables. The input changes a sound image: pairs of a place (two
// or three bytes) and a byte. What is found must be a text that can be read, in bounded time.
#include "../unit/kallsyms_image.h"

#include "watchpoints/target/kernel_symbols.h"

#include <cstdlib>

using namespace stakeout;
using namespace stakeout::test;

namespace {

constexpr std::uint64_t start = 0xffff'ffff'8110'0000ULL;

std::vector<std::uint8_t> image(bool offsets_last, bool sequence, KallsymsTables::Addresses addresses) {
    ImageOptions options;
    options.offsets_last = offsets_last;
    options.sequence = sequence;
    options.addresses = addresses;
    options.before = options.behind = 64;
    return ImageMaker(options).make(
        many_symbols(4100, 0xffff'ffff'8100'0000ULL, addresses == KallsymsTables::Addresses::AbsolutePerCpu),
        start);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using Addresses = KallsymsTables::Addresses;
    static const std::array<std::vector<std::uint8_t>, 4> images{
        image(false, false, Addresses::AbsolutePerCpu), image(false, true, Addresses::AbsolutePerCpu),
        image(true, false, Addresses::Relative), image(true, false, Addresses::PlaceRelative)};
    if (size < 1) return 0;
    auto bytes = images.at(data[0] % images.size());
    // From the front, or from the end, where markers, tokens and their offsets are.
    for (std::size_t at = 1; at + 4 <= size; at += 4) {
        const std::size_t place = data[at] | data[at + 1] << 8 | (data[at + 2] & 0x7f) << 16;
        const std::size_t index = place % bytes.size();
        bytes[(data[at + 2] & 0x80) != 0
                  ? bytes.size() - 1 - index % std::min<std::size_t>(8192, bytes.size())
                  : index] = data[at + 3];
    }
    auto tables = find_kallsyms(reader_of(bytes, start), start, start + bytes.size());
    if (!tables) {
        if (tables.error().sentence().empty()) std::abort();
        return 0;
    }
    const std::size_t count = tables->symbols;
    if (KernelSymbols::parse(std::move(tables->text))->size() != count) std::abort();
    return 0;
}

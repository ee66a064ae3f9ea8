// Both ways to the disassembler: the host's library and the copy inside the binary.
#include "watchpoints/hit/zydis_library.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

TEST(ZydisLibrary, EmbeddedCopyLoads) {
    const auto library = ZydisLibrary::load(ZydisLibrary::From::Embedded);
    ASSERT_TRUE(library) << library.error().sentence();
    EXPECT_EQ(library->get_version() >> 48, 4U);
    ZydisDecoder decoder;
    EXPECT_TRUE(
        ZYAN_SUCCESS(library->decoder_init(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
}

TEST(ZydisLibrary, HostsCopyLoadsOrSaysWhy) {
    const auto library = ZydisLibrary::load(ZydisLibrary::From::Host);
    if (!library) {
        EXPECT_FALSE(library.error().cause.empty());
    }
}

} // namespace
} // namespace stakeout

// The parts of the stomp recipe. That it names true culprits is proven on real memory,
// tests/kernel/test_faults.py.
#include "recipe_hits.h"

#include "scripts/stomp/lost_update.h"
#include "scripts/stomp/overrun.h"
#include "scripts/stomp/pattern.h"
#include "scripts/stomp/rule.h"
#include "scripts/stomp/writer.h"

#include <gtest/gtest.h>

#include <array>

namespace stakeout {
namespace {

TEST(StompWriter, IsTheCallerOfPrimitivesAndLibraries) {
    Hit hit;
    hit.user_mode = true;
    hit.user_stack = {frame_of("__memmove_avx512_unaligned_erms", "/usr/lib/libc.so.6"),
                      frame_of("rename", "/bin/x"), frame_of("main", "/bin/x")};
    const Writer writer = writer_of(hit);
    ASSERT_NE(writer.frame, nullptr);
    EXPECT_EQ(writer.frame->symbol, "rename");
    EXPECT_EQ(writer.via, "__memmove_avx512_unaligned_erms");
    EXPECT_EQ(writer.role, Writer::Role::Plain);
}

TEST(StompWriter, KernelsCopyForAProcessIsTheProcesss) {
    Hit hit;
    hit.kernel_stack = {frame_of("rep_movs_alternative"), frame_of("_copy_to_user")};
    hit.user_stack = {frame_of("__read", "/usr/lib/libc.so.6"), frame_of("load", "/bin/x")};
    EXPECT_EQ(writer_of(hit).frame->symbol, "load");
}

TEST(StompWriter, TellsWhoFreesAndWhoAllocates) {
    Hit hit;
    hit.kernel_stack = {frame_of("__slab_free"), frame_of("kfree"), frame_of("close_session", "m")};
    EXPECT_EQ(writer_of(hit).role, Writer::Role::Frees);
    EXPECT_EQ(writer_of(hit).frame->symbol, "close_session");
    hit.kernel_stack = {frame_of("memset_orig"), frame_of("__kmalloc_cache_noprof"),
                        frame_of("next_owner", "m")};
    EXPECT_EQ(writer_of(hit).role, Writer::Role::Allocates);
}

TEST(StompWriter, WithoutAStackThereIsNone) {
    EXPECT_EQ(writer_of(Hit()).frame, nullptr);
    Hit hit;
    hit.user_stack = {frame_of("memcpy", "/usr/lib/libc.so.6")};
    EXPECT_EQ(writer_of(hit).frame->symbol, "memcpy"); // nobody else is there
}

TEST(StompWriter, NamesThatOnlyLookLikePrimitives) {
    for (const char* name :
         {"copy_names", "free_session", "set_state", "update_memory", "my_malloc_stats", "clear_name"})
        EXPECT_FALSE(is_copy_primitive(name) || is_allocation(name) || is_release(name)) << name;
    for (const char* name : {"memcpy", "__memset_avx2_erms", "memset_orig", "rep_stos_alternative", "strcpy"})
        EXPECT_TRUE(is_copy_primitive(name)) << name;
}

TEST(StompRule, NamesFunctionsTheirPartsAndModules) {
    EXPECT_TRUE(names_writer({"set_state"}, frame_of("set_state")));
    EXPECT_TRUE(names_writer({"set_state"}, frame_of("set_state.isra.0")));
    EXPECT_TRUE(names_writer({"set"}, frame_of("set(int)")));
    EXPECT_FALSE(names_writer({"set_state"}, frame_of("set_state_of_other")));
    EXPECT_TRUE(names_writer({"nf_tables:"}, frame_of("anything", "nf_tables")));
    EXPECT_TRUE(names_writer({"libfoo.so:put"}, frame_of("put", "/usr/lib/libfoo.so")));
    EXPECT_FALSE(names_writer({"libfoo.so:put"}, frame_of("get", "/usr/lib/libfoo.so")));
    EXPECT_TRUE(names_writer({"ns::put"}, frame_of("ns::put(int)")));
}

std::string pattern_of(std::vector<std::uint8_t> bytes) {
    const auto found = recognise(bytes, [](std::uint64_t address) -> std::optional<std::string> {
        return address == 0x7f0000001000 ? std::optional<std::string>("libc.so.6+0x10") : std::nullopt;
    });
    return found ? found->says : "";
}

TEST(StompPattern, RecognisesWhatIsCertain) {
    EXPECT_EQ(pattern_of({'G', 'r', 'a', 'c', 'e', 0, 0, 0}), "text: \"Grace\"");
    EXPECT_NE(pattern_of(std::vector<std::uint8_t>(8, 0x6b)).find("freed"), std::string::npos);
    EXPECT_EQ(pattern_of(std::vector<std::uint8_t>(8, 0x88)), "the byte 0x88, repeated");
    EXPECT_NE(pattern_of({0x00, 0x01, 0, 0, 0, 0, 0xad, 0xde}).find("LIST_POISON1"), std::string::npos);
    EXPECT_EQ(pattern_of({0x00, 0x10, 0, 0, 0, 0x7f, 0, 0}), "a pointer into libc.so.6+0x10");
}

TEST(StompPattern, GuessesNothing) {
    EXPECT_EQ(pattern_of({}), "");
    EXPECT_EQ(pattern_of({0, 0, 0, 0, 0, 0, 0, 0}), "");
    EXPECT_EQ(pattern_of({'a', 'b', 0, 0, 0, 0, 0, 0}), "");     // two letters may be a number
    EXPECT_EQ(pattern_of({'a', 'b', 'c', 'd', 1, 0, 0, 0}), ""); // text with something behind it
    EXPECT_EQ(pattern_of({42, 0, 0, 0, 0, 0, 0, 0}), "");
}

Hit store(const std::string& function, const std::string& instruction,
          std::initializer_list<std::pair<const char*, std::uint64_t>> registers) {
    HitMaker maker;
    Hit hit = maker.write({function.c_str()}, 0, 1, 1, instruction);
    hit.says.emplace();
    for (const auto& [name, value] : registers) {
        ScriptField field;
        field.name = name;
        field.number = value;
        hit.says->fields.push_back(field);
    }
    return hit;
}

TEST(StompOverrun, CopyBeganAtItsFirstArgument) {
    const auto origin = store_origin(store("__memmove_erms", "rep movsb byte ptr [rdi], byte ptr [rsi]",
                                           {{"ax", 0xff0}, {"di", 0x1008}, {"cx", 4}}));
    ASSERT_TRUE(origin);
    EXPECT_EQ(origin->start, 0xff0U);
    EXPECT_EQ(origin->end, 0x100cU);
}

TEST(StompOverrun, IndexedStoreBelongsToItsBase) {
    const auto origin =
        store_origin(store("record", "mov qword ptr [rdx+rax*8], rsi", {{"dx", 0x1008}, {"ax", ~0ULL}}));
    ASSERT_TRUE(origin);
    EXPECT_EQ(origin->start, 0x1008U);
    EXPECT_EQ(origin->kind, StoreOrigin::Kind::Indexed);
}

TEST(StompOverrun, TellsNothingWithoutProof) {
    EXPECT_FALSE(store_origin(store("f", "mov qword ptr [0x404040], rax", {{"ax", 1}})));
    EXPECT_FALSE(store_origin(store("f", "mov qword ptr [rsp+0x8], rax", {{"sp", 0xff8}})));
    EXPECT_FALSE(
        store_origin(store("memcpy", "mov qword ptr [rdi], rax", {{"ax", 0x99999999999}}))); // not near
    EXPECT_FALSE(store_origin(store("f", "rep stosb byte ptr [rdi], al", {{"di", 0x1001}, {"cx", 0}})));
}

TEST(StompLostUpdate, AResultOfAValueThatWasReplaced) {
    HitMaker maker;
    LostUpdates updates;
    std::uint64_t value = 10;
    for (int i = 0; i < 6; ++i, ++value)
        EXPECT_FALSE(updates.add(maker.write({"a"}, value, value + 1, 1), "a"));
    EXPECT_FALSE(updates.add(maker.write({"b"}, 16, 17, 2), "b"));
    EXPECT_FALSE(updates.add(maker.write({"b"}, 17, 18, 2), "b"));
    const auto lost = updates.add(maker.write({"a"}, 18, 17, 1), "a"); // made of the 16
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->overwritten_function, "b");
    EXPECT_EQ(lost->overwritten, 7U);
}

TEST(StompLostUpdate, OrdinaryTrafficLosesNothing) {
    HitMaker maker;
    LostUpdates updates;
    std::uint64_t value = 100;
    for (int i = 0; i < 200; ++i) {
        const std::uint64_t next = i % 3 == 0 ? value - 5 : value + 10;
        EXPECT_FALSE(
            updates.add(maker.write({"x"}, value, next, i % 2), i % 3 == 0 ? "withdraw" : "deposit"));
        value = next;
    }
}

} // namespace
} // namespace stakeout

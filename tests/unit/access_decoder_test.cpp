// What an access event's instruction does: real machine code, in a guest's memory.
#include "tests/unit/fake_guest.h"
#include "xen-bridge/backend/access_decoder.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

using test::FakeGuest;

constexpr std::uint64_t code_at = 0xffffffff81000100, data_at = 0xffff888000200010;

struct Event {
    FakeGuest guest;
    VmEvent event;

    explicit Event(std::initializer_list<std::uint8_t> code) {
        guest.write(code_at, std::vector<std::uint8_t>(code));
        event.reason = VmEventReason::MemAccess;
        event.registers.rip = code_at;
        event.registers.cr3 = guest.tables.root << 12;
        event.registers.efer = 0x500; // long mode, active
        event.registers.rdi = data_at;
        auto& access = event.mem_access.emplace();
        access.gla = data_at;
        access.gla_valid = access.read = access.write = true; // as nested page tables tell it of plain writes
    }
    DecodedAccess decode() { return AccessDecoder(guest.frames).decode(event); }
};

TEST(AccessDecoder, AWriteAndItsWidth) {
    Event event({0x89, 0x07}); // mov [rdi], eax
    const DecodedAccess decoded = event.decode();
    EXPECT_EQ(decoded.access, Access::Write);
    EXPECT_EQ(decoded.bytes, 4U);
    ASSERT_TRUE(decoded.instruction);
    EXPECT_EQ(decoded.instruction->address, code_at);
}

TEST(AccessDecoder, ARead) {
    Event event({0x48, 0x8b, 0x07}); // mov rax, [rdi]
    EXPECT_EQ(event.decode().access, Access::Read);
    EXPECT_EQ(event.decode().bytes, 8U);
}

TEST(AccessDecoder, FromTheEventsAddressOn) {
    Event event(
        {0x48, 0x89, 0x07}); // mov [rdi], rax; the event names its sixth byte, as when it crosses a page
    event.event.mem_access->gla = data_at + 5;
    EXPECT_EQ(event.decode().bytes, 3U);
}

TEST(AccessDecoder, SegmentBases) {
    Event event({0x65, 0x48, 0x89, 0x04, 0x25, 0x10, 0x00, 0x00, 0x00}); // mov gs:[0x10], rax
    event.event.registers.gs_base = data_at - 0x10;
    EXPECT_EQ(event.decode().access, Access::Write);
    EXPECT_EQ(event.decode().bytes, 8U);
}

TEST(AccessDecoder, APushWritesBelowTheStackPointer) {
    Event event({0x50}); // push rax
    event.event.registers.rsp = data_at + 8;
    EXPECT_EQ(event.decode().access, Access::Write);
    EXPECT_EQ(event.decode().bytes, 8U);
}

TEST(AccessDecoder, WhatItDoesNotKnow) {
    Event other({0x48, 0x89, 0x06}); // mov [rsi], rax: not what the event names
    EXPECT_EQ(other.decode().access, Access::Unknown);
    Event narrow({0x89, 0x07});
    narrow.event.registers.efer = 0; // 32-bit code
    EXPECT_EQ(narrow.decode().access, Access::Unknown);
    EXPECT_FALSE(narrow.decode().instruction);
    Event nonsense({0x0f, 0xff, 0xff});
    EXPECT_EQ(nonsense.decode().access, Access::Unknown);
    Event unmapped({0x89, 0x07});
    unmapped.event.registers.rip = 0xffffffffa0000000;
    EXPECT_EQ(unmapped.decode().access, Access::Unknown);
}

TEST(AccessDecoder, XensFlagsWhereTheyTell) {
    Event event({0x90});
    event.event.mem_access->read = false;
    EXPECT_EQ(event.decode().access, Access::Write);
    event.event.mem_access->execute = true;
    EXPECT_EQ(event.decode().access, Access::Execute);
}

} // namespace
} // namespace stakeout

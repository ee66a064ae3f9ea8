// xen-bridge/records/vm_event_ring: the page as Xen would fill it.
#include "xen-bridge/records/vm_event_ring.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#define __XEN_TOOLS__ 1 // NOLINT: what opens vm_event.h's types
#include <xen/xen.h>

#include <xen/vm_event.h>

using namespace stakeout;

namespace {

class XenSide {
  public:
    void put(const vm_event_request_t& request) {
        std::memcpy(page.data() + place(produced), &request, sizeof request);
        produced += 1;
        set_produced(produced);
    }
    void set_produced(std::uint32_t value) {
        std::memcpy(page.data() + offsetof(vm_event_sring, req_prod), &value, 4);
    }
    [[nodiscard]] std::uint32_t answered() const {
        std::uint32_t value = 0;
        std::memcpy(&value, page.data() + offsetof(vm_event_sring, rsp_prod), 4);
        return value;
    }
    [[nodiscard]] vm_event_response_t answer(std::uint32_t index) const {
        vm_event_response_t response;
        std::memcpy(&response, page.data() + place(index), sizeof response);
        return response;
    }
    static std::size_t place(std::uint32_t index) {
        return offsetof(vm_event_sring, ring) +
               (index % VmEventRing::entries()) * sizeof(vm_event_sring_entry);
    }

    alignas(4096) std::array<std::uint8_t, 4096> page{};
    std::uint32_t produced = 0;
};

vm_event_request_t write_access() {
    vm_event_request_t request{};
    request.version = VM_EVENT_INTERFACE_VERSION;
    request.flags = VM_EVENT_FLAG_VCPU_PAUSED;
    request.reason = VM_EVENT_REASON_MEM_ACCESS;
    request.vcpu_id = 3;
    request.u.mem_access.gfn = 0x2a079;
    request.u.mem_access.offset = 0xc0;
    request.u.mem_access.gla = 0xffff8880'2a0790c0ULL;
    request.u.mem_access.flags = MEM_ACCESS_RW | MEM_ACCESS_GLA_VALID | MEM_ACCESS_FAULT_WITH_GLA;
    request.data.regs.x86.rip = 0xffffffff81000123ULL;
    request.data.regs.x86.rax = 0x11;
    request.data.regs.x86.r15 = 0x22;
    request.data.regs.x86.cr3 = 0x1234000;
    request.data.regs.x86.cs_sel = 0x10;
    request.data.regs.x86.gs_base = 0xffff88801f800000ULL;
    return request;
}

TEST(VmEventRing, EightEntries) { EXPECT_EQ(VmEventRing::entries(), 8U); }

TEST(VmEventRing, TakesAMemAccessAndAnswersIt) {
    XenSide xen;
    VmEventRing ring(xen.page);
    auto taken = ring.take();
    ASSERT_TRUE(taken);
    EXPECT_FALSE(*taken);
    xen.put(write_access());
    EXPECT_EQ(ring.waiting(), 1U);
    taken = ring.take();
    ASSERT_TRUE(taken) << taken.error().sentence();
    ASSERT_TRUE(*taken);
    const VmEvent& event = **taken;
    EXPECT_EQ(event.reason, VmEventReason::MemAccess);
    EXPECT_EQ(event.vcpu, 3U);
    ASSERT_TRUE(event.mem_access);
    EXPECT_EQ(event.mem_access->gfn, 0x2a079U);
    EXPECT_EQ(event.mem_access->offset, 0xc0U);
    EXPECT_TRUE(event.mem_access->gla_valid && event.mem_access->read && event.mem_access->write);
    EXPECT_TRUE(event.mem_access->with_gla);
    EXPECT_FALSE(event.mem_access->execute || event.mem_access->fault_in_gpt);
    EXPECT_EQ(event.registers.rip, 0xffffffff81000123ULL);
    EXPECT_EQ(event.registers.cr3, 0x1234000U);
    EXPECT_EQ(event.registers.cs, 0x10);
    const so_regs regs = to_so_regs(event.registers);
    EXPECT_EQ(regs.ip, event.registers.rip);
    EXPECT_EQ(regs.ax, 0x11U);
    EXPECT_EQ(regs.r15, 0x22U);
    EXPECT_EQ(kernel_gs_base(event.registers), 0xffff88801f800000ULL);

    EXPECT_EQ(ring.unanswered(), 1U);
    VmEventAnswer answer = answer_to(event);
    answer.flags |= vm_event_emulate;
    ASSERT_TRUE(ring.put(answer));
    EXPECT_EQ(xen.answered(), 1U);
    const vm_event_response_t response = xen.answer(0);
    EXPECT_EQ(response.version, static_cast<std::uint32_t>(VM_EVENT_INTERFACE_VERSION));
    EXPECT_EQ(response.flags, static_cast<std::uint32_t>(VM_EVENT_FLAG_VCPU_PAUSED | VM_EVENT_FLAG_EMULATE));
    EXPECT_EQ(response.vcpu_id, 3U);
    EXPECT_EQ(response.u.mem_access.gfn, 0x2a079U);
    EXPECT_EQ(response.u.mem_access.flags, write_access().u.mem_access.flags);
    EXPECT_FALSE(ring.put(answer)) << "there is none left to answer";
}

TEST(VmEventRing, GoesRoundManyTimes) {
    XenSide xen;
    VmEventRing ring(xen.page);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        for (std::uint32_t burst = 0; burst <= i % 8; ++burst) {
            auto request = write_access();
            request.vcpu_id = i + burst;
            xen.put(request);
        }
        for (std::uint32_t burst = 0; burst <= i % 8; ++burst) {
            const auto taken = ring.take();
            ASSERT_TRUE(taken) << taken.error().sentence();
            ASSERT_TRUE(*taken);
            EXPECT_EQ((*taken)->vcpu, i + burst);
            ASSERT_TRUE(ring.put(answer_to(**taken)));
        }
    }
    EXPECT_EQ(xen.answered(), xen.produced);
}

TEST(VmEventRing, DebugExceptionsAndSingleSteps) {
    XenSide xen;
    VmEventRing ring(xen.page);
    vm_event_request_t request{};
    request.version = VM_EVENT_INTERFACE_VERSION;
    request.reason = VM_EVENT_REASON_DEBUG_EXCEPTION;
    request.u.debug_exception.pending_dbg = 0x1;
    request.u.debug_exception.insn_length = 4;
    request.u.debug_exception.type = 3;
    xen.put(request);
    request = {};
    request.version = VM_EVENT_INTERFACE_VERSION;
    request.reason = VM_EVENT_REASON_SINGLESTEP;
    request.u.singlestep.gfn = 0x77;
    xen.put(request);
    const auto first = ring.take();
    ASSERT_TRUE(first && *first);
    ASSERT_TRUE((*first)->debug_exception);
    EXPECT_EQ((*first)->debug_exception->pending_dbg, 1U);
    EXPECT_EQ((*first)->debug_exception->insn_length, 4U);
    EXPECT_EQ((*first)->debug_exception->type, 3);
    EXPECT_FALSE((*first)->mem_access);
    const auto second = ring.take();
    ASSERT_TRUE(second && *second);
    EXPECT_EQ((*second)->single_step_gfn, 0x77U);
}

TEST(VmEventRing, PositionsThatAreNone) {
    XenSide xen;
    VmEventRing ring(xen.page);
    for (const std::uint32_t produced : {9U, 0x7fff'ffffU, ~0U}) {
        xen.set_produced(produced);
        const auto taken = ring.take();
        ASSERT_FALSE(taken);
        EXPECT_NE(taken.error().sentence().find("position"), std::string::npos);
        EXPECT_EQ(ring.waiting(), 0U);
    }
    xen.set_produced(0);
    xen.put(write_access()); // it goes on when the position is right again
    EXPECT_TRUE(ring.take());
    // An answer is owed for every entry: Xen cannot have put more than the ring holds.
    for (int i = 0; i < 7; ++i) xen.put(write_access());
    for (int i = 0; i < 7; ++i) EXPECT_TRUE(ring.take());
    xen.put(write_access());
    EXPECT_FALSE(ring.take());
}

TEST(VmEventRing, AnotherInterfaceVersion) {
    XenSide xen;
    VmEventRing ring(xen.page);
    auto request = write_access();
    request.version = 6;
    xen.put(request);
    const auto taken = ring.take();
    ASSERT_FALSE(taken);
    EXPECT_NE(taken.error().sentence().find("version 6"), std::string::npos);
    EXPECT_FALSE(*ring.take()) << "it is not taken twice";
}

TEST(VmEventRing, RegistersAndViewsInAnswers) {
    XenSide xen;
    VmEventRing ring(xen.page);
    auto request = write_access();
    request.flags |= VM_EVENT_FLAG_ALTERNATE_P2M;
    request.altp2m_idx = 2;
    xen.put(request);
    const auto taken = ring.take();
    ASSERT_TRUE(taken && *taken);
    VmEventAnswer answer = answer_to(**taken);
    EXPECT_EQ(answer.view, 2U);
    answer.flags |= vm_event_set_registers | vm_event_fast_single_step;
    answer.registers = (*taken)->registers;
    answer.registers->rip += 3;
    answer.fast_single_step_view = 5;
    ASSERT_TRUE(ring.put(answer));
    EXPECT_EQ(xen.answer(0).altp2m_idx, 2U);
    EXPECT_EQ(xen.answer(0).u.fast_singlestep.p2midx, 5U);
    EXPECT_EQ(xen.answer(0).data.regs.x86.rip, 0xffffffff81000126ULL);
    EXPECT_EQ(xen.answer(0).data.regs.x86.r15, 0x22U);
}

} // namespace

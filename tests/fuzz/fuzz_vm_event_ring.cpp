// libFuzzer: the vm_event ring. The input is what the other side does to the page between our calls.
#include "xen-bridge/records/vm_event_ring.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

using namespace stakeout;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    alignas(4096) static std::array<std::uint8_t, 4096> page;
    page.fill(0);
    if (size > 1 && data[0] % 4 == 0) std::memcpy(page.data(), data + 1, std::min(size - 1, page.size()));
    VmEventRing ring(page);
    // Steps of three bytes: a place, and a byte for it; a place of 0xf000 and more is a call of ours instead.
    for (std::size_t at = 1; at + 3 <= size; at += 3) {
        const unsigned place = data[at] | data[at + 1] << 8;
        if (place < 0xf000) {
            page.at(place % page.size()) = data[at + 2];
            continue;
        }
        const auto event = ring.take();
        if (event && *event) {
            VmEventAnswer answer = answer_to(**event);
            answer.flags |= data[at + 2];
            if ((data[at + 2] & 1) != 0) answer.registers = (*event)->registers;
            if ((data[at + 2] & 2) != 0 && !ring.put(answer)) std::abort();
        }
        if (ring.unanswered() > VmEventRing::entries() || ring.waiting() > VmEventRing::entries())
            std::abort();
    }
    while (ring.unanswered() != 0)
        if (!ring.put({})) std::abort();
    if (ring.put({})) std::abort();
    return 0;
}

#include "xen-bridge/backend/frame_capture.h"

#include <algorithm>

namespace stakeout {
namespace {
constexpr std::uint64_t kernel_stack_bytes = 16384; // THREAD_SIZE of x86-64, to which stacks are aligned
}

std::shared_ptr<const Capture> FrameCapture::take(const VmEvent& event) {
    memory_.forget(); // the guest has run
    auto capture = std::make_shared<Capture>();
    const GuestRegisters& registers = event.registers;
    if (rule_.current_task) add(kernel_gs_base(registers) + *rule_.current_task, *capture);
    if (!in_user_mode(registers)) {
        const std::uint64_t top = (registers.rsp / kernel_stack_bytes + 1) * kernel_stack_bytes;
        for (std::uint64_t page = registers.rsp / guest_page_bytes * guest_page_bytes; page < top;
             page += guest_page_bytes)
            add(page, *capture);
    }
    return capture->empty() ? nullptr : std::shared_ptr<const Capture>(std::move(capture));
}

void FrameCapture::add(std::uint64_t address, Capture& capture) {
    const auto page = memory_.page(address);
    if (!page) return;
    if (std::ranges::find(capture, page->frame, &CapturedFrame::number) != capture.end()) return;
    const auto bytes = frames_.frame(page->frame);
    if (bytes.size() != guest_page_bytes) return;
    CapturedFrame& frame = capture.emplace_back();
    frame.number = page->frame;
    std::ranges::copy(bytes, frame.bytes.begin());
}

} // namespace stakeout

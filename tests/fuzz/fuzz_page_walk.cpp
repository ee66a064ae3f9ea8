// libFuzzer: page tables and everything that reads through them. The input is the guest's memory, 16 frames
// that are shown again and again under all numbers below a limit; whatever it says, walks and searches must
// end.
#include "xen-bridge/guest/guest_stack.h"
#include "xen-bridge/guest/guest_task.h"
#include "xen-bridge/guest/kernel_layout.h"
#include "xen-bridge/guest/kernel_place.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

using namespace stakeout;

namespace {

class InputFrames : public GuestFrames {
  public:
    InputFrames(const std::uint8_t* data, std::size_t size) {
        for (std::size_t at = 0; size != 0 && at < sizeof frames_; at += size)
            std::memcpy(&frames_.front().front() + at, data, std::min(size, sizeof frames_ - at));
    }
    std::span<const std::uint8_t> frame(std::uint64_t number) override {
        if (number >= 0x10'0000 || number % 31 == 30) return {};
        return frames_.at(number % frames_.size());
    }
    void forget() override {}

  private:
    std::array<std::array<std::uint8_t, 4096>, 16> frames_{};
};

void check(const WalkEnd& end, std::uint64_t address) {
    if (end.mapped() && (end.page.mapping_bytes & (end.page.mapping_bytes - 1)) != 0) std::abort();
    if (!end.mapped() && walk_error(end, address).cause.empty()) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 40) return 0;
    std::array<std::uint64_t, 4> numbers{};
    std::memcpy(numbers.data(), data, sizeof numbers);
    InputFrames frames(data + 32, size - 32);
    const PageTables tables{numbers[0] % 0x10'0000, 4 + static_cast<int>(numbers[0] >> 63)};
    GuestMemory memory(frames, tables);
    for (const std::uint64_t address : {numbers[1], numbers[2], numbers[3], numbers[1] | kernel_map_start}) {
        check(memory.walk_to_end(address), address);
        std::array<std::uint8_t, 9000> bytes{};
        if (memory.read(address, bytes) > bytes.size()) std::abort();
        (void)memory.read_string(address);
        (void)memory.page(address);
    }
    const GuestLayout layout{numbers[1], numbers[2], numbers[1], numbers[2], numbers[3]};
    (void)same_frame_aliases(memory, layout, numbers[3], numbers[0]);

    static const auto symbols = KernelSymbols::parse("ffffffff80000000 T _text\nffffffff80001000 t f\n"
                                                     "ffffffff80100000 T asm_exc\nffffffffbfff0000 D data\n");
    (void)kernel_stack(memory, *symbols, {numbers[1] | 1ULL << 63, numbers[2], numbers[3], {}});
    TaskFinder finder;
    finder.offsets = {0, 8, 16, 40, 48, 32, 16, numbers[0] % 4096};
    finder.init_task = numbers[3];
    (void)task_at(memory, finder, numbers[2]);
    (void)current_task(memory, finder, numbers[1] & ~4095ULL);
    if (data[32] % 64 == 0) {
        (void)tables_with_kernel(frames, tables);
        (void)idt_hints(memory, numbers[1]);
    }
    return 0;
}

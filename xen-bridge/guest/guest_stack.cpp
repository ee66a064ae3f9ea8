#include "xen-bridge/guest/guest_stack.h"

#include "watchpoints/hit/call_site.h"
#include "xen-bridge/guest/stack_links.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace stakeout {
namespace {

constexpr std::uint64_t thread_size = 16384; // THREAD_SIZE of x86-64; interrupt stacks have as much
constexpr std::uint64_t word = 8;

// The part of the stack from the stack pointer up, copied once.
class StackWords {
  public:
    StackWords(GuestMemory& memory, const StackQuestion& question) : start_(question.sp) {
        if (question.sp % word != 0 || (question.sp >> 63) == 0) return;
        std::uint64_t end = (question.sp | (thread_size - 1)) + 1;
        if (const auto base = question.stack_base; base && question.sp - *base < thread_size)
            end = *base + thread_size;
        std::array<std::uint8_t, thread_size> bytes{};
        const std::size_t wanted = std::min<std::uint64_t>(end - question.sp, bytes.size());
        const std::size_t got = memory.read(question.sp, std::span(bytes).first(wanted));
        words_.resize(got / word);
        if (!words_.empty()) std::memcpy(words_.data(), bytes.data(), words_.size() * word);
    }
    [[nodiscard]] std::uint64_t start() const { return start_; }
    [[nodiscard]] std::uint64_t end() const { return start_ + words_.size() * word; }
    [[nodiscard]] bool holds(std::uint64_t address) const {
        return address >= start_ && address < end() && address % word == 0;
    }
    [[nodiscard]] std::uint64_t at(std::uint64_t address) const {
        return words_.at((address - start_) / word);
    }
    [[nodiscard]] const std::vector<std::uint64_t>& all() const { return words_; }

  private:
    std::uint64_t start_;
    std::vector<std::uint64_t> words_;
};

class ReturnAddresses {
  public:
    ReturnAddresses(GuestMemory& memory, const KernelSymbols& symbols)
        : memory_(memory), symbols_(symbols), code_(memory.reader()) {}

    // In the kernel's text, or in executable pages that have no symbols (modules), behind a call.
    [[nodiscard]] bool is_one(std::uint64_t address) {
        if ((address >> 63) == 0 || !is_canonical(address, memory_.tables().levels)) return false;
        const auto symbol = symbols_.containing(address - 1);
        if (symbol ? !symbol->is_text() : !is_module_text(address)) return false;
        return follows_call(address, code_);
    }

  private:
    bool is_module_text(std::uint64_t address) {
        constexpr std::uint64_t modules_start =
            0xffff'ffff'8000'0000ULL; // modules lie somewhere behind the image
        if (address < modules_start) return false;
        const WalkEnd end = memory_.walk_to_end(address);
        return end.mapped() && end.page.executable;
    }
    GuestMemory& memory_;
    const KernelSymbols& symbols_;
    CodeReader code_;
};

// The return addresses along the chain of saved base pointers. Empty: it is none.
std::vector<std::uint64_t> by_frame_pointers(const StackWords& stack, std::uint64_t bp,
                                             ReturnAddresses& returns, std::size_t limit) {
    std::vector<std::uint64_t> found;
    bool whole = false; // it ended as chains do
    while (found.size() < limit) {
        if (!stack.holds(bp) || !stack.holds(bp + word)) break;
        const std::uint64_t next = stack.at(bp), address = stack.at(bp + word);
        if (!returns.is_one(address)) break;
        found.push_back(address);
        whole = next == 0 || !stack.holds(next); // 0, or what the base pointer was in user mode
        if (whole || next <= bp) break;
        bp = next;
    }
    // A register that happens to point into the stack gives one plausible link, hardly three.
    constexpr std::size_t convincing = 3;
    if (found.size() < convincing && !(whole && found.size() > 1)) found.clear();
    return found;
}

std::vector<std::uint64_t> by_scanning(const StackWords& stack, ReturnAddresses& returns) {
    constexpr std::size_t most = 512;
    std::vector<std::uint64_t> found;
    for (const std::uint64_t value : stack.all()) {
        if (found.size() >= most) break;
        if (returns.is_one(value)) found.push_back(value);
    }
    return found;
}

} // namespace

Frame guest_frame(const KernelSymbols& symbols, std::uint64_t ip, bool is_return_address) {
    Frame frame;
    frame.ip = ip;
    if (const auto symbol = symbols.containing(is_return_address ? ip - 1 : ip)) {
        frame.symbol = symbol->name;
        frame.offset = ip - symbol->address;
        frame.module = symbol->module;
    }
    return frame;
}

GuestStack kernel_stack(GuestMemory& memory, const KernelSymbols& symbols, const StackQuestion& question) {
    GuestStack result;
    if ((question.ip >> 63) == 0) return result;
    const StackWords stack(memory, question);
    ReturnAddresses returns(memory, symbols);
    const std::size_t limit = question.most_frames > 0 ? question.most_frames - 1 : 0;
    result.way = StackWay::FramePointers;
    auto addresses = by_frame_pointers(stack, question.bp, returns, limit);
    if (addresses.empty()) {
        const auto all = by_scanning(stack, returns);
        addresses = StackLinks(symbols, memory.reader()).chain(question.ip, all);
        result.way = addresses.empty() ? StackWay::Scanned : StackWay::Linked;
        if (addresses.empty()) addresses = all;
        addresses.resize(std::min(addresses.size(), limit));
    }
    result.frames.push_back(guest_frame(symbols, question.ip, false));
    for (const std::uint64_t address : addresses)
        result.frames.push_back(guest_frame(symbols, address, true));
    return result;
}

} // namespace stakeout

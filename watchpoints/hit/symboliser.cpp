// A stream of 55,000 hits a second brings a million frames, nearly all of which have been told before: the
// way of a known frame is two hash look-ups. Only new ones reach symbol tables and DWARF.
#include "watchpoints/hit/symboliser.h"

#include "watchpoints/hit/user_process.h"

#include <malloc.h>

#include <algorithm>

namespace stakeout {
namespace {

// Bounds of memory, with a frame at some 200 bytes. Real streams need a few hundred frames; what is forgotten
// is told anew when it is asked for, except for processes that have ended meanwhile.
constexpr std::size_t most_kernel_frames = 16'384;
constexpr std::size_t most_user_frames = 32'768;
constexpr std::size_t most_processes = 2'048;

} // namespace

struct Symboliser::State {
    const KernelSymbols* kernel = nullptr;
    std::unique_ptr<KernelSymbols> own_kernel;
    bool kernel_tried = false;
    std::unordered_map<std::uint64_t, Frame> kernel_frames; // key: ip, and a bit for a return address

    struct Noticed {
        explicit Noticed(std::uint32_t pid) : process(pid) {}
        UserProcess process;
        std::uint64_t used = 0;
    };
    // `images` before `processes`, which use it.
    ImageCache images;
    std::unordered_map<std::uint32_t, std::unique_ptr<Noticed>> processes;
    std::uint64_t clock = 0;
    std::size_t user_frames = 0;
    std::uint64_t described = 0;     // new frames, kernel and user
    std::uint64_t given_back_at = 0; // value of `described` when memory was last given back
    std::uint32_t last_pid = 0;
    Noticed* last = nullptr;

    const KernelSymbols* kernel_symbols() {
        if (kernel == nullptr && !kernel_tried) {
            kernel_tried = true; // a kernel that hides its symbols does so for the whole run
            if (auto loaded = KernelSymbols::load()) {
                own_kernel = std::move(*loaded);
                kernel = own_kernel.get();
            }
        }
        return kernel;
    }

    UserProcess& process(std::uint32_t pid) {
        if (last == nullptr || last_pid != pid) {
            auto found = processes.find(pid);
            if (found == processes.end()) {
                make_room();
                found = processes.emplace(pid, std::make_unique<Noticed>(pid)).first;
                found->second->process.refresh(images);
            }
            last = found->second.get();
            last_pid = pid;
            last->used = ++clock;
        }
        return last->process;
    }

    void make_room() {
        if (processes.size() < most_processes) return;
        const auto oldest =
            std::min_element(processes.begin(), processes.end(),
                             [](const auto& a, const auto& b) { return a.second->used < b.second->used; });
        user_frames -= std::min(user_frames, oldest->second->process.cached_frames());
        processes.erase(oldest);
        last = nullptr;
    }
};

Symboliser::Symboliser() : state_(std::make_unique<State>()) {}
Symboliser::~Symboliser() = default;

void Symboliser::use_kernel_symbols(const KernelSymbols* symbols) {
    state_->kernel = symbols;
    state_->kernel_frames.clear();
}

void Symboliser::notice_process(std::uint32_t pid, bool again) {
    const bool is_new = !state_->processes.contains(pid);
    UserProcess& process = state_->process(pid); // reads the maps of a new one
    if (!is_new && (again || !process.known())) process.refresh(state_->images);
}

void Symboliser::rest() {
    if (state_->given_back_at == state_->described) return;
    state_->given_back_at = state_->described;
    state_->images.forget_lines();
    ::malloc_trim(0);
}

const Frame& Symboliser::kernel_frame(std::uint64_t ip, bool is_return_address) {
    // The top bit of a kernel address is always set.
    const std::uint64_t key = ip ^ (is_return_address ? 1ULL << 63 : 0);
    auto& frames = state_->kernel_frames;
    if (const auto known = frames.find(key); known != frames.end()) return known->second;
    if (frames.size() >= most_kernel_frames) frames.clear();
    ++state_->described;
    Frame frame;
    frame.ip = ip;
    frame.told_as = next_telling();
    const std::uint64_t looked_up = is_return_address && ip != 0 ? ip - 1 : ip;
    const KernelSymbols* symbols = state_->kernel_symbols();
    if (const auto symbol = symbols != nullptr ? symbols->containing(looked_up) : std::nullopt) {
        frame.symbol = symbol->name;
        frame.offset = ip - symbol->address;
        frame.module = symbol->module;
    }
    return frames.emplace(key, std::move(frame)).first->second;
}

const Frame& Symboliser::user_frame(std::uint32_t pid, std::uint64_t ip, bool is_return_address) {
    UserProcess& process = state_->process(pid);
    const std::size_t before = process.cached_frames();
    const Frame& frame = process.frame(ip, is_return_address, state_->images);
    if (process.cached_frames() == before) return frame;
    ++state_->described;
    if (++state_->user_frames <= most_user_frames) return frame;
    for (auto& [_, noticed] : state_->processes) noticed->process.forget_frames();
    state_->user_frames = 1;
    return process.frame(ip, is_return_address, state_->images);
}

std::optional<std::uint64_t> Symboliser::kernel_function_start(std::uint64_t ip) {
    const KernelSymbols* symbols = state_->kernel_symbols();
    const auto symbol = symbols != nullptr ? symbols->containing(ip) : std::nullopt;
    if (!symbol || !symbol->is_text()) return std::nullopt;
    return symbol->address;
}

std::optional<std::uint64_t> Symboliser::user_function_start(std::uint32_t pid, std::uint64_t ip) {
    return state_->process(pid).function_start(ip, state_->images);
}

std::size_t Symboliser::read_user_code(std::uint32_t pid, std::uint64_t address,
                                       std::span<std::uint8_t> into) {
    return state_->process(pid).read_code(address, into);
}

} // namespace stakeout

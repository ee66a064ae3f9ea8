#include "loader/kernel_peek.h"

#include "loader/libbpf_log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <peek.skel.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace stakeout {
namespace {
constexpr std::size_t window_bytes = 4096; // PEEK_BYTES of bpf/peek.bpf.c

struct PeekRequest { // struct peek_request of bpf/peek.bpf.c
    std::uint64_t address;
    std::uint64_t bytes;
};
} // namespace

struct KernelPeek::State {
    struct Destroy {
        void operator()(peek_bpf* loaded) const { peek_bpf__destroy(loaded); }
    };
    std::unique_ptr<peek_bpf, Destroy> object;
    const std::uint8_t* window = nullptr;

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        if (window != nullptr)
            ::munmap(const_cast<std::uint8_t*>(window), window_bytes); // NOLINT(*-const-cast)
    }
};

KernelPeek::KernelPeek() : state_(std::make_unique<State>()) {}
KernelPeek::~KernelPeek() = default;

Result<std::unique_ptr<KernelPeek>> KernelPeek::load() {
    capture_libbpf_messages();
    std::unique_ptr<KernelPeek> peek(
        new KernelPeek()); // NOLINT(cppcoreguidelines-owning-memory): private constructor
    peek->state_->object.reset(peek_bpf__open_and_load());
    if (!peek->state_->object) {
        const int why = errno;
        const bool rights = why == EPERM || why == EACCES;
        return arm_error("read kernel memory",
                         rights ? "this needs root, or CAP_BPF with CAP_PERFMON"
                                : "the kernel refused the reading program: " + take_libbpf_messages(),
                         rights ? "run it as root (sudo stakeout ...)" : "run `stakeout doctor`", why);
    }
    void* window = ::mmap(nullptr, window_bytes, PROT_READ, MAP_SHARED,
                          bpf_map__fd(peek->state_->object->maps.window), 0);
    if (window == MAP_FAILED)
        return arm_error("read kernel memory", "the window could not be mapped", "", errno);
    peek->state_->window = static_cast<const std::uint8_t*>(window);
    return peek;
}

bool KernelPeek::read(std::uint64_t address, std::span<std::uint8_t> into) const {
    while (!into.empty()) {
        const std::size_t step = std::min(into.size(), window_bytes);
        PeekRequest request{address, step};
        LIBBPF_OPTS(bpf_test_run_opts, run);
        run.ctx_in = &request;
        run.ctx_size_in = sizeof(request);
        if (bpf_prog_test_run_opts(bpf_program__fd(state_->object->progs.peek), &run) != 0) return false;
        if (run.retval != 0) return false;
        std::memcpy(into.data(), state_->window, step);
        into = into.subspan(step);
        address += step;
    }
    return true;
}

bool KernelPeek::read_word(std::uint64_t address, std::uint64_t& word) const {
    std::array<std::uint8_t, sizeof(word)> bytes{};
    if (!read(address, bytes)) return false;
    std::memcpy(&word, bytes.data(), sizeof(word));
    return true;
}

} // namespace stakeout

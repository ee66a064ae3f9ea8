// One bridge a domain, and what it must take back: a file in /run/stakeout/xen, one for each domain that is
// watched.
//
// The problem: Xen keeps what a bridge sets (debug registers, access restrictions, a ring) when the bridge
// dies. So the bridge writes down each thing *before* it sets it, into memory that outlives it: the file's
// own pages, shared with the guardian (guardian.h), which takes all of it back when the bridge's pipe closes,
// and with `stakeout-xen release`, which does the same when both are dead. The lock on the file says that
// somebody lives; it is on the open file, which bridge and guardian share, so it goes when the last of them
// does.
//
// The file is root's alone (0600 in a folder of 0700). /run is empty after a boot of dom0, as is Xen.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "xen-bridge/domain/domain.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

// What was set in a domain. Fixed size, plain: it lies in a file's pages and is written with plain stores,
// each before the hypercall that it is about.
struct UndoList {
    static constexpr std::uint32_t current_magic = 0x58554e32; // "XUN2": this layout
    static constexpr std::size_t most_frames = 64;
    static constexpr std::size_t text_bytes = 96;

    std::uint32_t magic = 0;
    std::uint32_t domain = 0;
    std::array<std::uint8_t, 16> uuid{}; // a new domain may have got the same number
    std::int32_t bridge_pid = 0;
    std::int32_t guardian_pid = 0;
    std::uint64_t started_ns = 0;  // CLOCK_MONOTONIC
    std::uint64_t deadline_ns = 0; // when the watch ends by itself; 0: not armed
    std::array<char, 24> backend{};
    std::array<char, text_bytes> target{};
    std::array<char, text_bytes> domain_name{};

    // Of the bridge's doings; the guardian acts when it stands still.
    std::uint64_t heartbeat = 0;
    std::uint32_t guardian_acted = 0; // the domain is healed, the bridge must not touch it any more

    // A pause that is being made or holds. `was_paused`: somebody else's pause was there before.
    enum class Pause : std::uint32_t { None, Begun, Held };
    Pause pause = Pause::None;
    std::uint32_t was_paused = 0;

    // Debug registers of every vCPU.
    struct Slot {
        std::uint64_t address = 0;
        std::uint64_t control = 0; // this slot's bits of DR7
    };
    std::array<Slot, 4> slots{};
    std::uint32_t slots_set = 0; // bit mask

    // Of the vCPU whose debug registers are being written: its number + 1, and what Xen forgets meanwhile.
    static constexpr std::size_t most_state = 12288; // AVX-512 and AMX take 11 KiB
    std::uint32_t kept_of = 0, kept_bytes = 0;
    std::array<std::uint8_t, most_state> kept_state{};

    // The event ring and what it tells.
    std::uint32_t monitor = 0, single_step = 0, debug_exceptions = 0;
    std::uint32_t frames_count = 0;
    std::array<std::uint64_t, most_frames> frames{}; // whose access is restricted
    std::uint32_t view = 0;                          // altp2m view in force, 0: none
    std::uint32_t altp2m = 0;                        // it was switched on by us

    std::uint32_t trace = 0; // Xen's trace buffers were switched on
    std::uint32_t log_dirty = 0;

    [[nodiscard]] bool is_empty() const {
        return pause == Pause::None && slots_set == 0 && kept_of == 0 && monitor == 0 && single_step == 0 &&
               debug_exceptions == 0 && frames_count == 0 && view == 0 && altp2m == 0 && trace == 0 &&
               log_dirty == 0;
    }
};

// What is told of a lease to others.
struct LeaseFacts {
    std::uint32_t domain = 0;
    std::string domain_name, backend, target;
    std::int32_t bridge_pid = 0;
    std::uint64_t started_ns = 0, deadline_ns = 0;
    bool alive = false; // its bridge or guardian lives
    bool armed = false; // something is still set
};

class Lease {
  public:
    // Error (CannotArm): another bridge has the domain (who, since when); one is dead and has not been
    // healed.
    static Result<std::unique_ptr<Lease>> take(const Domain& domain, std::string_view backend,
                                               std::string_view target);
    // Somebody's file, to heal after him: fails as take() does if he lives; absent: there is none.
    static Result<std::unique_ptr<Lease>> take_over(std::uint32_t domain);
    [[nodiscard]] static std::vector<LeaseFacts> all();
    [[nodiscard]] static std::optional<LeaseFacts> of(std::uint32_t domain);

    ~Lease(); // unmaps; the file stays unless finish() was called
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    [[nodiscard]] UndoList& list() { return *list_; }
    void name_backend(std::string_view name); // once it is chosen
    [[nodiscard]] int fd() const { return file_.get(); }
    void finish(); // nothing is set any more: the file goes

  private:
    Lease(OwnedFd file, UndoList* list, std::string path)
        : file_(std::move(file)), list_(list), path_(std::move(path)) {}
    static Result<std::unique_ptr<Lease>> open(std::uint32_t domain, bool create);

    OwnedFd file_;
    UndoList* list_;
    std::string path_;
};

} // namespace stakeout

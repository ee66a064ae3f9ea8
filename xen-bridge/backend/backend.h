// What a backend is: one way to learn of accesses to a guest's memory. A backend says in can_watch() whether
// it can, sets things in the guest in arm(), each written into the undo list first (care/lease.h), and gives
// what it saw in collect(). It never takes anything back itself but by heal(): one way for all ends.
//
//   mem-access      HVM, PVH with EPT: Xen's event at each access to a restricted frame; sees every alias
//   debug-register  PV: the vCPUs' debug registers and Xen's trace records; sees an address, not a frame
//   debug-event     HVM, PVH: the vCPUs' debug registers and Xen's event at each debug exception
//   page-diff       any: the frame, mapped and compared; what changed and when, not who
#pragma once

#include "base/result.h"
#include "watchpoints/arm/slot_plan.h"
#include "watchpoints/hit/hit.h"
#include "xen-bridge/care/lease.h"
#include "xen-bridge/domain/domain.h"
#include "xen-bridge/domain/foreign_frames.h"
#include "xen-bridge/guest/captured_frames.h"
#include "xen-bridge/guest/page_walk.h"
#include "xen-bridge/guest/registers.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

// A piece of guest memory that is watched; within one frame.
struct GuestPlace {
    std::string name;                      // as typed
    std::uint32_t size = 0;                // bytes
    std::uint64_t frame = 0;               // as the guest's page tables have it (guest/frames.h)
    std::uint32_t offset = 0;              // within the frame
    std::optional<std::uint64_t> physical; // guest-physical address of its first byte
    std::optional<std::uint64_t>
        linear; // as typed or resolved; absent: --gpa of a guest whose kernel is not known
    std::vector<std::uint64_t> aliases; // linear addresses that lead there, `linear` first
    bool is_user = false;               // a process's memory
};

// What to copy of a vCPU that stands still, of a guest whose kernel is known (frame_capture.h).
struct CaptureRule {
    PageTables kernel_tables;
    std::optional<std::uint64_t> current_task; // offset in the per-CPU area; absent: tasks are not known
};

struct BackendRequest {
    const Hypervisor* xen = nullptr;
    Domain domain;
    std::vector<GuestPlace> places;
    AccessKind kind = AccessKind::Write;
    ForeignFrames* frames = nullptr;
    UndoList* undo = nullptr;
    std::optional<CaptureRule> capture;
    std::chrono::microseconds poll{1000}; // page-diff: how often it looks
};

// How a value was come by: at the access itself, or some time after it, when others may have written
// meanwhile.
enum class ValueWay { AtAccess, ReadLater };

// One access, or (page-diff) one change.
struct GuestAccess {
    std::uint64_t time_ns = 0; // CLOCK_MONOTONIC of dom0, when the backend took it
    std::size_t place = 0;
    Access access = Access::Unknown;
    std::optional<std::uint32_t> vcpu;
    std::optional<std::uint64_t> ip;
    std::optional<bool> user_mode;
    std::optional<GuestRegisters> registers; // see `before`
    std::shared_ptr<const Capture> captured; // of that moment; null: the guest has gone on
    bool before = false; // registers and ip are those before the instruction ran (mem-access)
    std::optional<std::uint64_t> physical, linear; // where the access began
    std::optional<Instruction> instruction;        // where the backend knows it
    std::optional<Value> old_value, new_value;
    ValueWay value_way = ValueWay::AtAccess;
    bool unordered = false; // accesses of several vCPUs were under way: values may not chain
};

// What happened beside the hits.
struct BackendNews {
    std::vector<std::string> notes; // "vCPU 1's debug registers were overwritten; re-armed"
    std::uint64_t lost = 0;         // accesses that are known to be missed, in all
    bool lost_at_most = false;      // `lost` counts what held them, not all of which were hits
    std::uint64_t outside = 0;      // events in the same frames that did not touch the watched bytes, in all
    std::uint64_t foreign = 0;      // debug exceptions of the guest's own, in all
    std::uint64_t paused_ns = 0;    // time the guest's vCPUs stood still for us, in all
    std::uint32_t vcpus_armed = 0;
};

class Backend {
  public:
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    virtual ~Backend() = default;

    [[nodiscard]] virtual std::string_view name() const = 0;
    // What it will not see of these places, for the user: "through other mappings than ...".
    [[nodiscard]] virtual std::vector<std::string> blind_spots() const = 0;
    virtual Status arm() = 0;
    // Readable when collect() should be called; -1: there is none, and it is to be called every period().
    [[nodiscard]] virtual int fd() const { return -1; }
    [[nodiscard]] virtual std::chrono::microseconds period() const { return std::chrono::milliseconds(2); }
    // Appends what was seen since the last call.
    virtual Status collect(std::vector<GuestAccess>& into, BackendNews& news) = 0;
    // A slower look at what was set: is it still there? Called some ten times a second.
    virtual Status audit(BackendNews& news) = 0;
    // The watched bytes as they are now.
    [[nodiscard]] virtual std::optional<Value> value_now() const { return std::nullopt; }
    // Each hit stops a vCPU for a while that nobody measures (else BackendNews::paused_ns counts it).
    [[nodiscard]] virtual bool stops_for_hits() const { return false; }
    // The brake: nothing is seen, and nothing costs the guest, until resume().
    virtual Status suspend() = 0;
    virtual Status resume() = 0;
    // What is known of accesses that were not yet decided, when the watch ends.
    virtual void finish(std::vector<GuestAccess>& into) { (void)into; }
};

// What a backend can do for a domain, for `doctor` and for the choice.
struct BackendProbe {
    std::string name;
    bool usable = false;
    std::string says;   // what it sees, or why it cannot
    std::string remedy; // may be empty
};
[[nodiscard]] std::vector<BackendProbe> probe_backends(const Hypervisor& xen, const Domain& domain);

// The best that can watch these places, or the one named. Error (CannotArm, Usage): none can; why each
// cannot.
[[nodiscard]] Result<std::unique_ptr<Backend>> make_backend(const BackendRequest& request,
                                                            std::string_view wanted);

// One file each.
[[nodiscard]] BackendProbe probe_mem_access(const Hypervisor& xen, const Domain& domain);
[[nodiscard]] BackendProbe probe_debug_register(const Hypervisor& xen, const Domain& domain);
[[nodiscard]] BackendProbe probe_debug_event(const Hypervisor& xen, const Domain& domain);
[[nodiscard]] BackendProbe probe_page_diff(const Hypervisor& xen, const Domain& domain);
[[nodiscard]] Result<std::unique_ptr<Backend>> make_mem_access(const BackendRequest& request);
[[nodiscard]] Result<std::unique_ptr<Backend>> make_debug_register(const BackendRequest& request);
[[nodiscard]] Result<std::unique_ptr<Backend>> make_debug_event(const BackendRequest& request);
[[nodiscard]] Result<std::unique_ptr<Backend>> make_page_diff(const BackendRequest& request);

} // namespace stakeout

// The way to Xen from dom0: libxenctrl's and its sisters' handles, owned; what this Xen and CPU can do.
//
// Everything here is a call to the hypervisor by way of /dev/xen/privcmd; nothing is kept in Xen by a handle,
// so closing one (or dying) undoes nothing: see care/guardian.h.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <string>

struct xc_interface_core;
struct xencall_handle;
struct xendevicemodel_handle;
struct xenforeignmemory_handle;
struct xs_handle;

namespace stakeout {

struct HypervisorFacts {
    std::string version;      // "4.17.7-pre"
    std::string capabilities; // "xen-3.0-x86_64 hvm-3.0-x86_64"
    bool hvm = false;         // guests with hardware virtualisation can run here
    bool hap = false;         // and with nested page tables
    std::uint32_t cpus = 0;
    std::uint32_t tsc_khz = 0;
};

class Hypervisor {
  public:
    // Error (CannotArm): not in a dom0, or no rights.
    static Result<std::unique_ptr<Hypervisor>> open();
    ~Hypervisor();
    Hypervisor(const Hypervisor&) = delete;
    Hypervisor& operator=(const Hypervisor&) = delete;

    [[nodiscard]] xc_interface_core* control() const { return control_; }
    [[nodiscard]] xenforeignmemory_handle* foreign_memory() const { return memory_; }
    [[nodiscard]] xencall_handle* calls() const { return calls_; } // for what libxenctrl has no function for
    [[nodiscard]] xendevicemodel_handle* devices() const { return devices_; }
    [[nodiscard]] xs_handle* store() const { return store_; } // null: xenstored does not answer

    [[nodiscard]] Result<HypervisorFacts> facts() const;

  private:
    Hypervisor() = default;
    xc_interface_core* control_ = nullptr;
    xenforeignmemory_handle* memory_ = nullptr;
    xencall_handle* calls_ = nullptr;
    xendevicemodel_handle* devices_ = nullptr;
    xs_handle* store_ = nullptr;
};

} // namespace stakeout

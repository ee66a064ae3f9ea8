// A domain that is to be saved or migrated is asked to suspend itself, through the store. What is armed in
// its vCPUs then would be saved with them, and come back on another host: it must be gone before.
#pragma once

#include "xen-bridge/domain/domain.h"

#include <memory>

struct xs_handle;

namespace stakeout {

class SuspendRequest {
  public:
    explicit SuspendRequest(const Domain& domain); // without a store nobody can ask, and nothing is told

    [[nodiscard]] int fd() const; // readable when made() should be called; -1: never
    [[nodiscard]] bool made();    // does not wait

  private:
    struct Closed {
        void operator()(xs_handle* store) const;
    };
    std::string path_;
    std::unique_ptr<xs_handle, Closed> store_; // its own: a handle's watches are all in one queue
};

} // namespace stakeout

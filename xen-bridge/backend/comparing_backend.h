// What the backends that only compare have in common: they set nothing in the guest, so there is nothing to
// look after, and the brake keeps them from looking.
#pragma once

#include "xen-bridge/backend/backend.h"

namespace stakeout {

class ComparingBackend : public Backend {
  public:
    explicit ComparingBackend(const BackendRequest& request) : request_(request) {}

    Status collect(std::vector<GuestAccess>& into, BackendNews& /*news*/) final {
        if (!suspended_) compare(into);
        return done();
    }
    Status audit(BackendNews& news) final {
        news.vcpus_armed = request_.domain.vcpus_online;
        return done();
    }
    Status suspend() final {
        suspended_ = true;
        return done();
    }
    Status resume() final {
        suspended_ = false;
        return done();
    }

  protected:
    [[nodiscard]] const BackendRequest& request() const { return request_; }

  private:
    virtual void compare(std::vector<GuestAccess>& into) = 0; // one look

    BackendRequest request_;
    bool suspended_ = false;
};

} // namespace stakeout

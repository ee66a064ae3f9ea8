#include "xen-bridge/domain/suspend_request.h"

#include "xen-bridge/domain/store_text.h"
#include "xen-bridge/domain/xen_api.h"

#include <fmt/format.h>

#include <cstdlib>

namespace stakeout {
namespace {

struct Freed {
    void operator()(void* memory) const { std::free(memory); } // NOLINT: xenstore's, made by malloc
};

} // namespace

void SuspendRequest::Closed::operator()(xs_handle* store) const { xs_close(store); }

SuspendRequest::SuspendRequest(const Domain& domain)
    : path_(fmt::format("/local/domain/{}/control/shutdown", domain.id)), store_(xs_open(0)) {
    if (store_ && !xs_watch(store_.get(), path_.c_str(), "suspend")) store_.reset();
}

int SuspendRequest::fd() const { return store_ ? xs_fileno(store_.get()) : -1; }

bool SuspendRequest::made() {
    if (!store_) return false;
    bool changed = false;
    while (const std::unique_ptr<char*, Freed> event{xs_check_watch(store_.get())}) changed = true;
    if (!changed) return false;
    return store_text(store_.get(), path_) == "suspend";
}

} // namespace stakeout

#include "xen-bridge/domain/store_text.h"

#include "xen-bridge/domain/xen_api.h"

#include <cstdlib>
#include <memory>

namespace stakeout {
namespace {

struct Freed {
    void operator()(void* memory) const { std::free(memory); } // NOLINT: xenstore's, made by malloc
};

} // namespace

std::optional<std::string> store_text(xs_handle* store, const std::string& path) {
    unsigned length = 0;
    const std::unique_ptr<void, Freed> text(xs_read(store, XBT_NULL, path.c_str(), &length));
    if (!text) return std::nullopt;
    return std::string(static_cast<const char*>(text.get()), length);
}

} // namespace stakeout

// A value of Xen's store.
#pragma once

#include <optional>
#include <string>

struct xs_handle;

namespace stakeout {

[[nodiscard]] std::optional<std::string> store_text(xs_handle* store,
                                                    const std::string& path); // absent: none

} // namespace stakeout

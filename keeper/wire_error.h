// An Error over a control socket: what a watch refuses is told by the client as if it were its own.
#pragma once

#include "base/result.h"

#include <nlohmann/json_fwd.hpp>

namespace stakeout {

nlohmann::ordered_json error_to_json(const Error& error);
Error error_from_json(const nlohmann::ordered_json& json);

} // namespace stakeout

#include "keeper/wire_error.h"

#include <nlohmann/json.hpp>

namespace stakeout {

nlohmann::ordered_json error_to_json(const Error& error) {
    return {{"exit_status", error.exit_status()},
            {"tried", error.tried},
            {"cause", error.cause},
            {"remedy", error.remedy},
            {"errno", error.errno_value}};
}

Error error_from_json(const nlohmann::ordered_json& json) {
    Error error;
    if (!json.is_object()) return internal_error("ask a watch", "its answer is not understood");
    switch (json.value("exit_status", 5)) {
    case 2:
        error.failure = Failure::Usage;
        break;
    case 3:
        error.failure = Failure::CannotArm;
        break;
    case 4:
        error.failure = Failure::LostTarget;
        break;
    default:
        error.failure = Failure::Internal;
    }
    error.tried = json.value("tried", std::string());
    error.cause = json.value("cause", std::string());
    error.remedy = json.value("remedy", std::string());
    error.errno_value = json.value("errno", 0);
    return error;
}

} // namespace stakeout

#include "base/result.h"

#include <fmt/format.h>

#include <cstring>

namespace stakeout {

std::string Error::sentence() const {
    std::string text = fmt::format("cannot {}: {}", tried, cause);
    if (errno_value != 0) {
        const char* name = strerrorname_np(errno_value);
        const char* words = strerrordesc_np(errno_value);
        if (name != nullptr && words != nullptr) // libraries have numbers of their own
            text += fmt::format(" ({}: {})", name, words);
        else
            text += fmt::format(" (error {})", errno_value);
    }
    if (!remedy.empty()) text += "; " + remedy;
    return text;
}

int Error::exit_status() const {
    switch (failure) {
    case Failure::Usage:
        return 2;
    case Failure::CannotArm:
        return 3;
    case Failure::LostTarget:
        return 4;
    case Failure::Internal:
        break;
    }
    return 5;
}

namespace {
Error make(Failure failure, std::string tried, std::string cause, std::string remedy, int errno_value) {
    return Error{failure, std::move(tried), std::move(cause), std::move(remedy), errno_value};
}
} // namespace

Error usage_error(std::string tried, std::string cause, std::string remedy) {
    return make(Failure::Usage, std::move(tried), std::move(cause), std::move(remedy), 0);
}
Error arm_error(std::string tried, std::string cause, std::string remedy, int errno_value) {
    return make(Failure::CannotArm, std::move(tried), std::move(cause), std::move(remedy), errno_value);
}
Error lost_target(std::string tried, std::string cause, std::string remedy) {
    return make(Failure::LostTarget, std::move(tried), std::move(cause), std::move(remedy), 0);
}
Error internal_error(std::string tried, std::string cause, int errno_value) {
    return make(Failure::Internal, std::move(tried), std::move(cause), {}, errno_value);
}

} // namespace stakeout

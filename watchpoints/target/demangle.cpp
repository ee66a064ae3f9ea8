#include "watchpoints/target/demangle.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace stakeout {

std::string demangle(const std::string& name) {
    if (!name.starts_with("_Z")) return name;
    // NOLINTNEXTLINE(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory): the ABI allocates it so
    const auto release = [](char* text) { std::free(text); };
    int status = 0;
    const std::unique_ptr<char, decltype(release)> text(
        abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), release);
    return status == 0 && text ? std::string(text.get()) : name;
}

} // namespace stakeout

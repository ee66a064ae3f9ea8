// C++ names as they were written.
#pragma once

#include <string>

namespace stakeout {

// "shop::Order::total(int)" for "_ZN4shop5Order5totalEi"; a name that is no mangled one comes back as it is.
std::string demangle(const std::string& name);

} // namespace stakeout

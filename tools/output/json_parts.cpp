#include "tools/output/json_parts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace stakeout {

std::string hex(std::uint64_t number) { return fmt::format("{:#x}", number); }

Json frames_of(const std::vector<Frame>& stack) {
    Json list = Json::array();
    for (const Frame& frame : stack) {
        Json one{{"ip", hex(frame.ip)}};
        if (!frame.symbol.empty()) {
            one["symbol"] = frame.symbol;
            one["offset"] = frame.offset;
        }
        if (!frame.module.empty()) one["module"] = frame.module;
        if (!frame.file.empty()) {
            one["file"] = frame.file;
            one["line"] = frame.line;
        }
        list.push_back(std::move(one));
    }
    return list;
}

Json snapshot_of(const Snapshot& snapshot) {
    Json one{{"address", hex(snapshot.address)}, {"length", snapshot.bytes.size()}};
    if (snapshot.failed)
        one["unreadable"] = true;
    else
        one["bytes"] = fmt::format("{:02x}", fmt::join(snapshot.bytes, ""));
    return one;
}

} // namespace stakeout

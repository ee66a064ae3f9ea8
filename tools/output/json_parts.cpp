#include "tools/output/json_parts.h"

#include "base/json_writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace stakeout {

std::string hex(std::uint64_t number) { return fmt::format("{:#x}", number); }

void write_frames(JsonWriter& into, std::string_view key, const std::vector<Frame>& stack) {
    into.begin_list(key);
    for (const Frame& frame : stack) {
        into.begin_object();
        into.hex("ip", frame.ip);
        if (!frame.symbol.empty()) {
            into.text("symbol", frame.symbol);
            into.number("offset", frame.offset);
        }
        if (!frame.module.empty()) into.text("module", frame.module);
        if (!frame.file.empty()) {
            into.text("file", frame.file);
            into.number("line", static_cast<std::uint64_t>(frame.line));
        }
        into.end_object();
    }
    into.end_list();
}

Json frames_of(const std::vector<Frame>& stack) {
    std::string text;
    JsonWriter writer(text);
    write_frames(writer, {}, stack);
    return Json::parse(text, nullptr, false);
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

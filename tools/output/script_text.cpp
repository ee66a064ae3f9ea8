#include "tools/output/script_text.h"

#include "base/printable.h"
#include "watchpoints/hit/field_words.h"

#include <fmt/format.h>

#include <iterator>

namespace stakeout {
namespace {

std::string field_text(const ScriptField& field) {
    if (field.kind == ScriptField::Kind::Text) return fmt::format("\"{}\"", printable(field.text));
    return field_words(field);
}

// Sixteen bytes a line, as eight-byte words would be read: offset, bytes, characters.
void append_dump(std::string& to, const Snapshot& snapshot, std::string_view indent) {
    auto back = std::back_inserter(to);
    for (std::size_t at = 0; at < snapshot.bytes.size(); at += 16) {
        fmt::format_to(back, "{}  +{:03x} ", indent, at);
        std::string characters;
        for (std::size_t i = at; i < at + 16; ++i) {
            if (i >= snapshot.bytes.size()) {
                to += "   ";
                continue;
            }
            const std::uint8_t byte = snapshot.bytes[i];
            fmt::format_to(back, " {:02x}", byte);
            characters += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
        }
        fmt::format_to(back, "  {}\n", characters);
    }
}

} // namespace

void append_snapshot(std::string& to, const Snapshot& snapshot, std::string_view indent) {
    fmt::format_to(std::back_inserter(to), "{}memory   {} bytes at {:#x}{}\n", indent, snapshot.bytes.size(),
                   snapshot.address, snapshot.failed ? ": cannot be read" : "");
    if (!snapshot.failed) append_dump(to, snapshot, indent);
}

void append_script(std::string& to, const ScriptSays& says, std::string_view indent) {
    auto back = std::back_inserter(to);
    if (!says.fields.empty()) {
        to += indent;
        to += "fields ";
        for (const ScriptField& field : says.fields)
            fmt::format_to(back, "  {} {}", printable(field.name), field_text(field));
        to += '\n';
    }
    for (const Snapshot& snapshot : says.snapshots) append_snapshot(to, snapshot, indent);
    if (says.refused != 0)
        fmt::format_to(back, "{}memory   {} more snapshots did not fit (at most 4096 bytes in 16)\n", indent,
                       says.refused);
}

} // namespace stakeout

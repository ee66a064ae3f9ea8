#include "watchpoints/hit/field_words.h"

#include <fmt/format.h>

namespace stakeout {

std::string field_words(const ScriptField& field) {
    switch (field.kind) {
    case ScriptField::Kind::Signed:
        return fmt::format("{}", static_cast<std::int64_t>(field.number));
    case ScriptField::Kind::Bool:
        return field.number != 0 ? "true" : "false";
    case ScriptField::Kind::Address:
        return fmt::format("{:#x}", field.number);
    case ScriptField::Kind::Text:
        return field.text;
    case ScriptField::Kind::Unsigned:
        break;
    }
    return fmt::format("{}", field.number);
}

} // namespace stakeout

#include "report/html_page.h"

namespace stakeout {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd"; // U+FFFD

unsigned at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// Bytes of the well-formed UTF-8 character that begins at `i`; 0: none does.
std::size_t character_bytes(std::string_view text, std::size_t i) {
    const unsigned lead = at(text, i);
    if (lead < 0x80) return 1;
    const std::size_t bytes = lead >= 0xf0 && lead <= 0xf4  ? 4
                              : lead >= 0xe0 && lead < 0xf0 ? 3
                              : lead >= 0xc2 && lead < 0xe0 ? 2
                                                            : 0;
    if (bytes == 0 || i + bytes > text.size()) return 0;
    for (std::size_t k = 1; k < bytes; ++k)
        if ((at(text, i + k) & 0xc0U) != 0x80) return 0;
    const unsigned second = at(text, i + 1);
    const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool surrogate = lead == 0xed && second >= 0xa0;
    const bool beyond = lead == 0xf4 && second >= 0x90;
    return overlong || surrogate || beyond ? 0 : bytes;
}

// Characters that would turn the writing around for all that follows on the line.
bool turns_around(std::string_view character) {
    if (character.size() != 3 || at(character, 0) != 0xe2) return false;
    const unsigned second = at(character, 1), third = at(character, 2);
    return (second == 0x80 && ((third >= 0xa8 && third <= 0xae) || third == 0x8e || third == 0x8f)) ||
           (second == 0x81 && third >= 0xa6 && third <= 0xa9);
}

std::string_view entity(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return {};
    }
}

} // namespace

std::string html_text(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t bytes = character_bytes(text, i);
        const std::string_view character = text.substr(i, bytes == 0 ? 1 : bytes);
        const bool is_control = bytes == 1 && (at(text, i) < 0x20 || at(text, i) == 0x7f);
        if (bytes == 0 || is_control || turns_around(character))
            safe += replacement;
        else if (const std::string_view name = entity(character.front()); !name.empty())
            safe += name;
        else
            safe += character;
        i += character.size();
    }
    return safe;
}

std::string json_for_html(std::string_view json) {
    std::string safe;
    safe.reserve(json.size() + json.size() / 16);
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (c == '<')
            safe += "\\u003c";
        else if (c == '>')
            safe += "\\u003e";
        else if (c == '&')
            safe += "\\u0026";
        else if (json.substr(i, 3) == "\xe2\x80\xa8" || json.substr(i, 3) == "\xe2\x80\xa9") {
            safe += json[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
            i += 2;
        } else
            safe += c;
    }
    return safe;
}

} // namespace stakeout

#include "base/json_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace stakeout {
namespace {

bool stands_as_it_is(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
}

std::string dumped(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

} // namespace

void JsonWriter::begin_value(std::string_view key) {
    if (!is_first_) into_ += ',';
    is_first_ = false;
    if (key.empty()) return;
    into_ += '"';
    into_ += key;
    into_ += "\":";
}

void JsonWriter::open(std::string_view key, char bracket) {
    begin_value(key);
    into_ += bracket;
    is_first_ = true;
}

void JsonWriter::close(char bracket) {
    into_ += bracket;
    is_first_ = false;
}

void JsonWriter::text(std::string_view key, std::string_view value) {
    begin_value(key);
    if (!std::all_of(value.begin(), value.end(), stands_as_it_is)) {
        into_ += dumped(Json(value));
        return;
    }
    into_ += '"';
    into_ += value;
    into_ += '"';
}

void JsonWriter::number(std::string_view key, std::uint64_t value) {
    begin_value(key);
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    into_.append(digits.data(), end);
}

void JsonWriter::real(std::string_view key, double value) {
    if (!std::isfinite(value)) return null(key);
    begin_value(key);
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    into_.append(digits.data(), end);
}

void JsonWriter::hex(std::string_view key, std::uint64_t value) {
    begin_value(key);
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    into_ += "\"0x";
    into_.append(digits.data(), end);
    into_ += '"';
}

void JsonWriter::truth(std::string_view key, bool value) {
    begin_value(key);
    into_ += value ? "true" : "false";
}

void JsonWriter::null(std::string_view key) {
    begin_value(key);
    into_ += "null";
}

void JsonWriter::raw(std::string_view key, std::string_view json) {
    begin_value(key);
    into_ += json;
}

void JsonWriter::members(const Json& object) {
    for (const auto& [key, value] : object.items()) {
        begin_value(key);
        into_ += dumped(value);
    }
}

} // namespace stakeout

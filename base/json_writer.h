// One JSON document, written into a string as it is told. Hits come by the ten thousand a second, and a tree
// of values that is built, dumped and freed costs a hit of a guest some 160,000 instructions instead of
// 15,000.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace stakeout {

using Json = nlohmann::ordered_json;

// Members of an object are told with their keys, which are our own words; those of a list with an empty one.
// Every begin_...() needs its end_...().
class JsonWriter {
  public:
    explicit JsonWriter(std::string& into) : into_(into) {}

    void begin_object(std::string_view key = {}) { open(key, '{'); }
    void end_object() { close('}'); }
    void begin_list(std::string_view key = {}) { open(key, '['); }
    void end_list() { close(']'); }

    void text(std::string_view key, std::string_view value); // any bytes: what is no UTF-8 becomes U+FFFD
    void number(std::string_view key, std::uint64_t value);
    void real(std::string_view key, double value); // the shortest that reads back; null where not finite
    void hex(std::string_view key, std::uint64_t value); // "0x2a"
    void truth(std::string_view key, bool value);
    void null(std::string_view key);
    void raw(std::string_view key, std::string_view json); // a value that is JSON already
    void members(const Json& object); // each of them, as members of the object that is open

  private:
    void open(std::string_view key, char bracket);
    void close(char bracket);
    void begin_value(std::string_view key);

    std::string& into_;
    bool is_first_ = true; // of the object or list that is open
};

} // namespace stakeout

#include "base/json_writer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace stakeout {
namespace {

TEST(JsonWriter, NestsAndSeparates) {
    std::string text;
    JsonWriter writer(text);
    writer.begin_object();
    writer.begin_list("none");
    writer.end_list();
    writer.begin_list("frames");
    writer.begin_object();
    writer.hex("ip", 0xffffffff81000000);
    writer.end_object();
    writer.begin_object();
    writer.end_object();
    writer.end_list();
    writer.truth("yes", true);
    writer.truth("no", false);
    writer.null("old");
    writer.number("most", UINT64_MAX);
    writer.number("least", 0);
    writer.members(Json{{"fields", {{"n", -1}}}, {"more", Json::array({1, 2})}});
    writer.end_object();
    EXPECT_EQ(text,
              R"({"none":[],"frames":[{"ip":"0xffffffff81000000"},{}],"yes":true,"no":false,"old":null,)"
              R"("most":18446744073709551615,"least":0,"fields":{"n":-1},"more":[1,2]})");
}

TEST(JsonWriter, AppendsToWhatIsThere) {
    std::string text = "before\n";
    JsonWriter writer(text);
    writer.begin_object();
    writer.end_object();
    EXPECT_EQ(text, "before\n{}");
}

std::string written(std::string_view value) {
    std::string text;
    JsonWriter writer(text);
    writer.begin_object();
    writer.text("t", value);
    writer.end_object();
    return text;
}

TEST(JsonWriter, EveryByteOfATextComesBackOrIsReplaced) {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string value = {'a', static_cast<char>(byte), 'z'};
        const Json parsed = Json::parse(written(value));
        EXPECT_EQ(parsed["t"], byte < 128 ? value : "a\xef\xbf\xbdz") << byte;
    }
    for (const char* value : {"", "plain", "\"", "\\", "</script>", "schl\xc3\xbcssel", "\xf0\x9f\x94\x92"})
        EXPECT_EQ(Json::parse(written(value))["t"], value);
    EXPECT_EQ(Json::parse(written(std::string_view("a\0b", 3)))["t"], std::string("a\0b", 3));
}

TEST(JsonWriter, RealNumbersReadBackAndWhatIsNoneIsNull) {
    for (const double value : {0.0, -1.5, 1e300, 0.1, 1.8446744073709552e19}) {
        std::string text;
        JsonWriter(text).real({}, value);
        EXPECT_EQ(Json::parse(text).get<double>(), value);
    }
    std::string text;
    JsonWriter(text).real({}, std::numeric_limits<double>::infinity());
    EXPECT_EQ(text, "null");
}

} // namespace
} // namespace stakeout

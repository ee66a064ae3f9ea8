// What a report becomes: text for a terminal, HTML. Names are hostile in both.
#include "report/html_page.h"
#include "report/page_data.h"
#include "report/report_builder.h"
#include "report/text_report.h"
#include "report/text_table.h"
#include "report/words.h"
#include "tests/page/made_watch.h"
#include "tools/options/moment.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <ctime>
#include <sstream>

namespace stakeout {
namespace {

Report made_report(std::uint64_t hits, bool hostile) {
    ReportBuilder builder;
    made::tell(builder, hits, hostile);
    return builder.report();
}

constexpr ReportBy all_ways[] = {ReportBy::Function, ReportBy::Task, ReportBy::Stack, ReportBy::Value};

TEST(TextReport, FitsAHundredColumnsWhateverTheNames) {
    for (const bool hostile : {false, true}) {
        const Report report = made_report(1'000, hostile);
        for (const ReportBy by : all_ways) {
            std::istringstream lines(text_report(report, by, 50));
            for (std::string line; std::getline(lines, line);) {
                EXPECT_LE(columns_of(line), 100U) << line;
                for (const char c : line)
                    EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f) << line;
                EXPECT_EQ(line.find("\xe2\x80\xae"), std::string::npos) << line;
            }
        }
    }
}

TEST(TextReport, TheVerdictIsFirstAndTheTableHasWhatWasCounted) {
    const Report report = made_report(4'000, false);
    const std::string text = text_report(report, ReportBy::Function, 20);
    EXPECT_EQ(text.find("balance and 1 more were accessed 4,000 times, most by deposit"), 0U) << text;
    for (const Writer& writer : report.writers)
        EXPECT_NE(text.find(grouped(writer.hits)), std::string::npos) << text;
    EXPECT_NE(text.find("settle_accounts  settle.c:112"), std::string::npos) << text;
    EXPECT_NE(text_report(report, ReportBy::Task, 20).find("kworker/u8:2"), std::string::npos);
    EXPECT_NE(text_report(report, ReportBy::Stack, 20).find("update_process_times+0x91"), std::string::npos);
    EXPECT_NE(text_report(report, ReportBy::Value, 20).find("0x7 "), std::string::npos);
}

TEST(TextReport, TopSaysHowManyAreLeftOut) {
    const Report report = made_report(4'000, false);
    const std::string text = text_report(report, ReportBy::Function, 2);
    EXPECT_NE(text.find(grouped(report.writers_total - 2) + " more instructions"), std::string::npos) << text;
    EXPECT_EQ(text.find("settle_accounts  "), std::string::npos) << text;
}

TEST(TextTable, WrapsAndClips) {
    EXPECT_EQ(clipped_columns("abcdef", 6), "abcdef");
    EXPECT_EQ(clipped_columns("abcdefg", 6), "abcde~");
    EXPECT_EQ(clipped_columns("\xc3\xa4\xc3\xa4\xc3\xa4", 2), "\xc3\xa4~");
    EXPECT_EQ(wrapped("one two three", 9, ""), "one two\n  three");
    EXPECT_EQ(wrapped(std::string(500, 'x'), 20, "").size(), 18U);
}

TEST(Html, TextIsEscapedWhateverItHolds) {
    EXPECT_EQ(html_text("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    const std::string replacement = "\xef\xbf\xbd";
    EXPECT_EQ(html_text("a\033b\n\x7f"), "a" + replacement + "b" + replacement + replacement);
    EXPECT_EQ(html_text("\xff\xc0\x80\xed\xa0\x80\xf5"), replacement + replacement + replacement +
                                                             replacement + replacement + replacement +
                                                             replacement);
    EXPECT_EQ(html_text("\xe2\x80\xae"
                        "x"),
              replacement + "x");
    EXPECT_EQ(html_text("schl\xc3\xbcssel \xf0\x9f\x94\x92"), "schl\xc3\xbcssel \xf0\x9f\x94\x92");
    EXPECT_EQ(html_text("\xe2\x80"), replacement + replacement); // cut off
}

TEST(Html, DataCannotEndItsElementAndStaysTheSameDocument) {
    const Report report = made_report(2'000, true);
    const std::string data = page_data(report);
    const std::string safe = json_for_html(data);
    for (const char* part : {"<", ">", "&", "\xe2\x80\xa8", "\xe2\x80\xa9"})
        EXPECT_EQ(safe.find(part), std::string::npos) << part;
    EXPECT_EQ(nlohmann::json::parse(safe), nlohmann::json::parse(data));
    const std::string page = html_page(data, report);
    std::size_t scripts = 0;
    for (std::size_t at = 0; (at = page.find("</script", at)) != std::string::npos; ++at) ++scripts;
    EXPECT_EQ(scripts, 3U); // early script, data, script
    EXPECT_EQ(page.find("<img"), std::string::npos);
    EXPECT_NE(page.find("connect-src 'none'"), std::string::npos);
}

TEST(Html, TheLivePageMayAskWhereItCameFromOnly) {
    const std::string page = live_page("/watches/a<b", "to\"ken");
    EXPECT_NE(page.find("connect-src 'self'"), std::string::npos);
    const std::size_t from = page.find("id=\"report-data\">") + 17;
    const nlohmann::json data = nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
    EXPECT_EQ(data, nlohmann::json({{"live", true}, {"source", "/watches/a<b"}, {"token", "to\"ken"}}));
}

TEST(Moment, IsReadAsPeopleSayIt) {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    constexpr std::int64_t second = 1'000'000'000;
    constexpr std::int64_t end = 1'700'000'000 * second; // 2023-11-14 22:13:20
    const auto at = [](const char* text) {
        auto moment = Moment::parse(text);
        return moment ? moment->wall_ns(end) : -1;
    };
    EXPECT_EQ(at("10m"), end - 600 * second);
    EXPECT_EQ(at("22:13"), end - 20 * second);
    EXPECT_EQ(at("22:13:20"), end);
    EXPECT_EQ(at("22:13:21"), end - 86'399 * second); // the day before
    EXPECT_EQ(at("2023-11-14 00:00"), 1'699'920'000 * second);
    EXPECT_EQ(at("2023-11-14T22:13:21"), end + second);
    for (const char* wrong : {"", "yesterday", "25:00", "10:60", "10", "2023-13-01 10:00", "2023-11-14",
                              "1:2:3:4", "-1:00", "10:0x"})
        EXPECT_FALSE(Moment::parse(wrong)) << wrong;
    ::unsetenv("TZ");
    ::tzset();
}

TEST(Words, NumbersAsPeopleReadThem) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1'234'567), "1,234,567");
    EXPECT_EQ(percent(1, 1'000), "under 1 %");
    EXPECT_EQ(percent(999, 1'000), "over 99 %");
    EXPECT_EQ(percent(1'000, 1'000), "100 %");
    EXPECT_EQ(percent(0, 5), "0 %");
    EXPECT_EQ(span_words(12), "12 us");
    EXPECT_EQ(span_words(61'000'000), "1 min 01 s");
    EXPECT_EQ(span_words(7'500'000'000), "2 h 05 min");
}

} // namespace
} // namespace stakeout

// make_report CASE HITS OUT: a report of a made watch of HITS hits, as `stakeout report --html` writes it.
// CASE: plain, hostile, live, empty, damaged; "data-..." writes the page's data alone; "live-page" the page
// that asks for /data with the token "secret". Says on stdout what it took: {"hits", "feed_ns_per_hit",
// "report_ms", "bytes"}.
#include "report/html_page.h"
#include "report/page_data.h"
#include "report/report_builder.h"
#include "tests/page/made_watch.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace {

using Clock = std::chrono::steady_clock;

// Making hits costs more than counting them: it is measured alone, and taken off.
class Nobody final : public stakeout::WatchListener {
  public:
    void on_armed(const stakeout::Armed&) override {}
    void on_hit(const stakeout::Hit& hit) override { sum_ += hit.seq; }
    void on_look(const stakeout::Look&) override {}
    void on_notice(const stakeout::Notice&) override {}
    void on_brake(const stakeout::BrakeInterval&) override {}
    void on_coverage(const stakeout::CoverageChange&) override {}
    void on_summary(const stakeout::Summary&) override {}
    bool flush() override { return sum_ != 0; }
    [[nodiscard]] bool has_room() const override { return true; }
    [[nodiscard]] bool is_behind() const override { return false; }
    [[nodiscard]] std::uint64_t written() const override { return sum_; }

  private:
    std::uint64_t sum_ = 0;
};

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

stakeout::ReportFacts facts_of(std::string_view what) {
    stakeout::ReportFacts facts;
    facts.stakeout = "test";
    facts.made_at_ms = 1'700'000'100'000;
    facts.watch_name = what == "hostile" ? "</title><script>window.canary=1</script>" : "balance-goes-wrong";
    facts.host = what == "hostile" ? "<b onmouseover=window.canary=1>" : "ledger-3";
    facts.kernel = "6.1.0-31-amd64";
    facts.cpus = 4;
    facts.live = what == "live";
    return facts;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("make_report CASE HITS OUT\n", stderr);
        return 2;
    }
    std::string_view what = argv[1];
    if (what == "live-page") {
        std::ofstream page(argv[3], std::ios::binary);
        page << stakeout::live_page("/data", "secret");
        return page.good() ? 0 : 1;
    }
    const bool data_only = what.substr(0, 5) == "data-";
    if (data_only) what.remove_prefix(5);
    const std::uint64_t hits = what == "empty" ? 0 : std::strtoull(argv[2], nullptr, 10);
    const bool hostile = what == "hostile";

    const auto before_making = Clock::now();
    Nobody nobody;
    if (hits >= 100'000) stakeout::made::tell(nobody, hits, hostile);
    const double making_ms = ms_since(before_making);

    const auto before_feeding = Clock::now();
    stakeout::ReportBuilder builder;
    builder.set_facts(facts_of(what));
    stakeout::made::tell(builder, hits, hostile, what != "live" && what != "damaged");
    if (what == "damaged" || hostile)
        builder.add_damage(hostile
                               ? "<script>window.canary=1</script>"
                               : "the file ends at byte 81234 inside a block; everything before was read");
    const double feeding_ms = ms_since(before_feeding);

    const auto before_report = Clock::now();
    const stakeout::Report report = builder.report();
    const std::string data = stakeout::page_data(report);
    const std::string out = data_only ? data : stakeout::html_page(data, report);
    const double report_ms = ms_since(before_report);

    std::ofstream file(argv[3], std::ios::binary);
    file << out;
    fmt::print("{{\"hits\": {}, \"feed_ns_per_hit\": {:.0f}, \"report_ms\": {:.1f}, \"bytes\": {}}}\n", hits,
               hits == 0
                   ? 0.0
                   : (feeding_ms - (hits >= 100'000 ? making_ms : 0.0)) * 1e6 / static_cast<double>(hits),
               report_ms, out.size());
    return file.good() ? 0 : 1;
}

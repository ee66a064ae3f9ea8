// Hits -> report -> the page's data: what comes out must be what went in, counted.
#include "report/page_data.h"
#include "report/report_builder.h"
#include "report/verdict.h"
#include "tests/page/made_watch.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <numeric>
#include <random>
#include <set>

namespace stakeout {
namespace {

Report made_report(std::uint64_t hits, bool hostile = false) {
    ReportBuilder builder;
    made::tell(builder, hits, hostile);
    return builder.report();
}

std::uint64_t own_hits(const nlohmann::json& node) {
    std::uint64_t children = 0;
    if (node.contains("c"))
        for (const auto& child : node["c"]) {
            children += child["v"].get<std::uint64_t>();
            EXPECT_LE(own_hits(child), child["v"].get<std::uint64_t>());
        }
    EXPECT_LE(children, node["v"].get<std::uint64_t>());
    return node["v"].get<std::uint64_t>() - children;
}

TEST(Report, EveryHitIsInEveryPart) {
    constexpr std::uint64_t hits = 30'000;
    const Report report = made_report(hits);
    EXPECT_EQ(report.shown, hits);
    EXPECT_EQ(report.reads + report.writes, hits);
    std::uint64_t by_writer = 0, in_bins = 0, by_task = 0, by_stack = 0;
    for (const Writer& writer : report.writers) by_writer += writer.hits;
    for (const auto& bins : report.timeline.targets)
        for (const TimelineBin& bin : bins) in_bins += bin.hits;
    for (const TaskHits& task : report.tasks) by_task += task.hits;
    for (const ReportStack& stack : report.stacks) by_stack += stack.hits;
    EXPECT_EQ(by_writer, hits);
    EXPECT_EQ(in_bins, hits);
    EXPECT_EQ(by_task, hits);
    EXPECT_EQ(by_stack, hits);
    EXPECT_EQ(report.flame.front().hits, hits);
    EXPECT_GE(report.rows.size(), 12'000U);
    EXPECT_LE(report.rows.size(), 20'000U);
}

TEST(Report, WritersAreThoseThatWroteWithTheirTasksAndChanges) {
    constexpr std::uint64_t hits = 4'000;
    std::map<std::string, std::uint64_t> expected;
    std::map<std::string, std::set<std::uint32_t>> tasks;
    for (std::uint64_t i = 0; i < hits; ++i) {
        const Hit hit = made::hit(i, false);
        const std::string key = function_name(hit) + "|" + hit.instruction->text;
        ++expected[key];
        tasks[key].insert(hit.tid);
    }
    const Report report = made_report(hits);
    EXPECT_EQ(report.writers.size(), expected.size());
    EXPECT_TRUE(std::is_sorted(report.writers.begin(), report.writers.end(),
                               [](const Writer& a, const Writer& b) { return a.hits > b.hits; }));
    for (const Writer& writer : report.writers) {
        const std::string key = writer.function + "|" + writer.instruction;
        EXPECT_EQ(writer.hits, expected[key]) << key;
        EXPECT_EQ(writer.tasks_total, tasks[key].size()) << key;
        EXPECT_LE(writer.changes.size(), 5U);
        EXPECT_NE(writer.stack, no_stack);
    }
    EXPECT_EQ(report.functions, 4U); // three of the program and one of the kernel
    EXPECT_EQ(report.tasks_total, 4U);
}

TEST(Report, TheLastRowIsTheLastHitAndTheFirstTheFirst) {
    const Report report = made_report(50'000);
    EXPECT_EQ(report.rows.front().seq, 1U);
    EXPECT_EQ(report.rows.back().seq, 50'000U);
    EXPECT_EQ(report.last->seq, 50'000U);
    for (std::size_t i = 1; i < report.rows.size(); ++i)
        ASSERT_GT(report.rows[i].seq, report.rows[i - 1].seq);
    EXPECT_NE(report.rows_how, "all");
    EXPECT_EQ(made_report(100).rows_how, "all");
}

TEST(Report, SinceLeavesOutWhatWasBefore) {
    ReportBuilder::Options options;
    options.since_ns = made::hit(600, false).time_ns;
    ReportBuilder builder(options);
    made::tell(builder, 1'000, false);
    const Report report = builder.report();
    EXPECT_EQ(report.shown, 400U);
    EXPECT_EQ(report.rows.front().seq, 601U);
    EXPECT_NE(verdict_of(report).lines.front().find("since"), std::string::npos);
}

TEST(Report, MemoryStaysBoundedWhateverComes) {
    ReportBuilder builder;
    builder.on_armed(made::armed());
    Hit hit = made::hit(0, false);
    for (std::uint32_t i = 0; i < 120'000; ++i) {
        hit.seq = i + 1;
        hit.time_ns += 977;
        hit.comm = "t" + std::to_string(i);
        hit.pid = hit.tid = i;
        hit.user_stack[0].symbol = "function_" + std::to_string(i);
        hit.user_stack[1].symbol = "caller_" + std::to_string(i % 7000);
        hit.new_value = made::value_of(i);
        builder.on_hit(hit);
        builder.on_brake({0, hit.time_ns, hit.time_ns + 10});
    }
    const Report report = builder.report();
    EXPECT_EQ(report.shown, 120'000U);
    EXPECT_EQ(report.flame.front().hits, 120'000U);
    EXPECT_LE(report.flame.size(), 20'000U);
    EXPECT_LE(report.stacks.size(), StackTable::most_stacks);
    EXPECT_EQ(report.writers.size(), 200U);
    EXPECT_EQ(report.writers_total, WriterTable::most_writers);
    EXPECT_EQ(report.hits_of_no_writer, 120'000U - WriterTable::most_writers);
    EXPECT_TRUE(report.functions_at_least);
    EXPECT_TRUE(report.tasks_at_least);
    EXPECT_EQ(report.braked, 120'000U);
    EXPECT_EQ(report.brakes.size() + report.brakes_left_out, 120'000U);
    const std::string data = page_data(report);
    EXPECT_LT(data.size(), std::size_t{5} << 20U);
    const nlohmann::json json = nlohmann::json::parse(data);
    EXPECT_EQ(own_hits(json["flame"]), 0U);
    EXPECT_EQ(json["flame"]["v"], 120'000U);
}

// A recording may hold anything: it is counted, shown as data, and takes no more room than another.
TEST(Report, WhateverAHitHoldsItIsCountedAndBounded) {
    std::mt19937_64 random(3);
    const auto any_text = [&random] {
        std::string text(random() % 8 == 0 ? 9'000 : random() % 20, '\0');
        for (char& c : text) c = static_cast<char>(random());
        return text;
    };
    const auto any_value = [&random]() -> std::optional<Value> {
        if (random() % 4 == 0) return std::nullopt;
        return made::value_of(random(), random() % 50 == 0 ? 100'000 : random() % 40);
    };
    ReportBuilder builder;
    Armed armed = made::armed();
    armed.targets[0].name = armed.script = armed.watch = any_text();
    builder.on_armed(armed);
    builder.set_facts({any_text(), 0, any_text(), any_text(), any_text(), 4, false});
    constexpr std::uint64_t hits = 600;
    for (std::uint64_t i = 0; i < hits; ++i) {
        Hit hit;
        hit.seq = random();
        hit.time_ns = random() >> random() % 64U;
        hit.pid = static_cast<std::uint32_t>(random());
        hit.tid = static_cast<std::uint32_t>(random());
        hit.comm = any_text();
        hit.access = static_cast<Access>(random() % 4);
        hit.target_index = random() % 3 == 0 ? random() : random() % 2;
        hit.width = static_cast<std::uint32_t>(random() % 10);
        hit.old_value = any_value();
        hit.new_value = any_value();
        hit.user_mode = random() % 2 == 0;
        if (random() % 2 == 0) hit.instruction = Instruction{random(), any_text(), {}};
        for (auto* stack : {&hit.kernel_stack, &hit.user_stack})
            for (std::uint64_t n = random() % 6; n > 0; --n) {
                Frame frame;
                frame.ip = random();
                frame.symbol = random() % 3 == 0 ? "" : any_text();
                frame.module = any_text();
                frame.file = any_text();
                frame.line = static_cast<int>(random());
                stack->push_back(frame);
            }
        if (random() % 10 == 0) {
            hit.says.emplace();
            hit.says->fields = {{ScriptField::Kind::Text, any_text(), 0, any_text()}};
            hit.says->snapshots = {{random(), false, std::vector<std::uint8_t>(random() % 100'000)}};
        }
        if (random() % 10 == 0) hit.guest.emplace();
        builder.on_hit(hit);
        builder.on_brake({0, random(), random()});
    }
    const Report report = builder.report();
    const std::string data = page_data(report);
    const nlohmann::json json = nlohmann::json::parse(data);
    EXPECT_EQ(json["counts"]["shown"], hits);
    EXPECT_EQ(json["flame"]["v"], hits);
    EXPECT_LT(data.size(), std::size_t{24} << 20U); // all its names are of the longest kind
}

TEST(Report, PageDataSaysWhatTheReportSays) {
    const Report report = made_report(9'000);
    const nlohmann::json json = nlohmann::json::parse(page_data(report));
    EXPECT_EQ(json["v"], 1);
    EXPECT_EQ(json["watch"]["targets"][0]["name"], "balance");
    EXPECT_EQ(json["watch"]["targets"][0]["address"], "0x55d0c0de4010");
    EXPECT_EQ(json["counts"]["shown"], 9'000);
    EXPECT_EQ(json["counts"]["lost"], 12);
    EXPECT_EQ(json["ended"]["by"], "time_to_live");
    EXPECT_EQ(json["brakes"]["count"], 2);
    EXPECT_EQ(json["coverage"].size(), 1U);
    EXPECT_EQ(json["writers"].size(), report.writers.size());
    EXPECT_EQ(json["looks"].size(), report.looks_total);
    const auto& rows = json["rows"];
    for (const char* key :
         {"seq", "t_us", "cpu", "pid", "tid", "comm", "access", "target", "old", "new", "function", "stack"})
        EXPECT_EQ(rows[key].size(), rows["kept"].get<std::size_t>()) << key;
    const Hit first = made::hit(0, false);
    const auto text = [&](const char* key) { return json["strings"][rows[key][0].get<std::size_t>()]; };
    EXPECT_EQ(text("comm"), first.comm);
    EXPECT_EQ(text("old"), first.old_value->hex());
    EXPECT_EQ(text("new"), first.new_value->hex());
    EXPECT_EQ(text("function"), "deposit");
    const auto& stack = json["stacks"][rows["stack"][0].get<std::size_t>()]["u"];
    EXPECT_EQ(json["frames"][stack[0].get<std::size_t>()]["s"], "deposit+0x1f");
    EXPECT_EQ(json["frames"][stack[0].get<std::size_t>()]["f"], "src/ledger.c:39");
    EXPECT_EQ(own_hits(json["flame"]), 0U);
}

TEST(Report, HostileNamesStayData) {
    const std::string data = page_data(made_report(2'000, true));
    const nlohmann::json json = nlohmann::json::parse(data);
    EXPECT_EQ(json["watch"]["targets"][0]["name"], "<img src=x onerror=window.canary=1>");
    EXPECT_LT(data.size(), std::size_t{5} << 20U);
}

TEST(Timeline, BinsAddUpHoweverOftenTheyWereHalved) {
    std::mt19937_64 random(7);
    TimelineBuilder builder({true});
    std::uint64_t time = 0;
    for (int i = 0; i < 20'000; ++i) {
        time += random() % 100'000;
        builder.add(0, time, made::value_of(static_cast<std::uint64_t>(-i), 8));
    }
    const Timeline& timeline = builder.timeline();
    const auto& bins = timeline.targets[0];
    EXPECT_LE(bins.size(), TimelineBuilder::most_bins);
    EXPECT_EQ(bins.size() - 1, time / timeline.bin_us);
    std::uint64_t hits = 0;
    double low = 0, high = -1e9;
    for (const TimelineBin& bin : bins) {
        hits += bin.hits;
        if (bin.low) low = std::min(low, *bin.low);
        if (bin.high) high = std::max(high, *bin.high);
    }
    EXPECT_EQ(hits, 20'000U);
    EXPECT_EQ(low, -19'999);
    EXPECT_EQ(high, 0);
    EXPECT_EQ(bins.back().last->hex(), made::value_of(static_cast<std::uint64_t>(-19'999)).hex());
}

TEST(FrequentChanges, CountsAreNeverTooHighAndTheMostFrequentIsFound) {
    std::mt19937_64 random(11);
    FrequentChanges changes(32);
    std::map<std::uint64_t, std::uint64_t> truth;
    for (int i = 0; i < 50'000; ++i) {
        const std::uint64_t value = random() % 4 == 0 ? 42 : random() % 3'000;
        ++truth[value];
        changes.add(value * 0x9e3779b97f4a7c15U, 0, std::nullopt, made::value_of(value));
    }
    const std::vector<Change> found = changes.most_frequent(5);
    EXPECT_EQ(found.front().new_value->hex(), "0x2a");
    for (const Change& change : found) {
        std::uint64_t value = 0;
        for (std::size_t i = 8; i-- > 0;) value = value << 8U | change.new_value->bytes[i];
        EXPECT_LE(change.hits, truth[value]);
        EXPECT_TRUE(change.at_least || change.hits == truth[value]);
    }
}

TEST(Verdict, SaysWhoWroteMostAndLastAndWhatIsMissing) {
    const Report report = made_report(4'000);
    const Verdict verdict = verdict_of(report);
    EXPECT_NE(verdict.headline.find("balance and 1 more were accessed 4,000 times, most by deposit"),
              std::string::npos)
        << verdict.headline;
    std::string all;
    for (const std::string& line : verdict.lines) all += line + "\n";
    EXPECT_NE(all.find("Not complete: 12 hits were lost"), std::string::npos) << all;
    EXPECT_NE(all.find("The last: tick_account in kworker/u8:2 4003/4023 wrote jiffies_seen"),
              std::string::npos)
        << all;

    const Report nothing = made_report(0);
    EXPECT_EQ(verdict_of(nothing).headline, "balance and 1 more: no access was seen");
}

TEST(Verdict, ClaimsCompletenessOnlyWhenNothingIsMissing) {
    const auto whole = [](auto spoil) {
        Report report;
        report.armed = made::armed();
        report.summary = Summary{};
        spoil(report);
        return verdict_of(report).lines.back();
    };
    const std::string_view claim = "Nothing was lost, and every CPU was watched throughout.";
    EXPECT_EQ(whole([](Report&) {}), claim);
    EXPECT_NE(whole([](Report& report) { report.summary->lost = 1; }), claim);
    EXPECT_NE(whole([](Report& report) { report.summary->unseen = 1; }), claim);
    EXPECT_NE(whole([](Report& report) { report.braked = 1; }), claim);
    EXPECT_NE(whole([](Report& report) { report.lost_from_recording = 1; }), claim);
    EXPECT_NE(whole([](Report& report) { report.begins_late = true; }), claim);
    EXPECT_NE(whole([](Report& report) { report.damage = {"cut off"}; }), claim);
    EXPECT_NE(whole([](Report& report) { report.coverage.emplace_back(); }), claim);
    EXPECT_NE(whole([](Report& report) { report.armed.cpus_armed.pop_back(); }), claim);
    EXPECT_NE(whole([](Report& report) { report.summary.reset(); }), claim);
}

} // namespace
} // namespace stakeout

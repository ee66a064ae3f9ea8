// Text and JSON must never disagree: the same hits, made at random, go through both, and every field of the
// one must stand in the other.
#include "tools/output/sinks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <array>
#include <random>

namespace stakeout {
namespace {

std::string through(const Hit& hit, const std::function<std::unique_ptr<WatchListener>(int)>& make) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return {};
    {
        auto sink = make(ends[1]);
        sink->on_hit(hit);
        while (sink->is_behind()) (void)sink->flush();
        (void)sink->flush();
    }
    ::close(ends[1]);
    std::string text;
    std::array<char, 4096> chunk{};
    for (ssize_t got = 0; (got = ::read(ends[0], chunk.data(), chunk.size())) > 0;)
        text.append(chunk.data(), static_cast<std::size_t>(got));
    ::close(ends[0]);
    return text;
}

std::string as_text(const Hit& hit) {
    return through(hit, [](int fd) { return make_text_sink(fd, STDERR_FILENO, {}); });
}
nlohmann::json as_json(const Hit& hit) {
    return nlohmann::json::parse(through(hit, [](int fd) { return make_json_sink(fd); }));
}

Value random_value(std::mt19937_64& random, std::uint32_t width) {
    Value value;
    for (std::uint32_t i = 0; i < width; ++i) value.bytes.push_back(static_cast<std::uint8_t>(random()));
    return value;
}

Hit random_hit(std::mt19937_64& random) {
    Hit hit;
    hit.seq = random() % 1000000;
    hit.time_ns = random() % (1ULL << 50U);
    hit.cpu = random() % 512;
    hit.pid = random() % 4194304;
    hit.tid = random() % 4194304;
    hit.comm = "task-" + std::to_string(random() % 100);
    hit.access = std::array{Access::Read, Access::Write, Access::Execute, Access::Unknown}[random() % 4];
    hit.target = "object.field" + std::to_string(random() % 10);
    hit.address = random();
    hit.width = std::array{0U, 1U, 2U, 4U, 8U, 11U, 16U}[random() % 7];
    if (hit.width != 0) hit.old_value = random_value(random, hit.width);
    if (hit.width != 0 && random() % 4 != 0) hit.new_value = random_value(random, hit.width);
    hit.ip = random();
    if (random() % 4 != 0) hit.instruction = Instruction{random(), "mov qword ptr [rax], rcx"};
    hit.traps = 1 + random() % 3;
    hit.unordered = random() % 5 == 0;
    for (std::uint64_t i = random() % 5; i > 0; --i)
        hit.kernel_stack.push_back({random(), "function_" + std::to_string(i), i * 3, "module_a", "", 0});
    for (std::uint64_t i = random() % 5; i > 0; --i)
        hit.user_stack.push_back({random(), i == 2 ? "" : "caller_" + std::to_string(i), i * 5,
                                  "/usr/lib/libx.so", "file.c", static_cast<int>(i)});
    return hit;
}

void expect_frames(const nlohmann::json& frames, const std::string& text) {
    for (const auto& frame : frames) {
        std::string shown = frame["ip"].get<std::string>();
        if (frame.contains("symbol"))
            shown = fmt::format("{}+{:#x}", frame["symbol"].get<std::string>(),
                                frame["offset"].get<std::uint64_t>());
        EXPECT_NE(text.find(shown), std::string::npos) << shown;
        if (!frame.contains("file")) continue;
        const std::string place =
            fmt::format("{}:{}", frame["file"].get<std::string>(), frame["line"].get<int>());
        EXPECT_NE(text.find(place), std::string::npos) << place;
    }
}

TEST(Sinks, TextAndJsonAgree) {
    std::mt19937_64 random(42);
    for (int round = 0; round < 500; ++round) {
        const Hit hit = random_hit(random);
        const std::string text = as_text(hit);
        const nlohmann::json json = as_json(hit);
        SCOPED_TRACE(text);
        const auto has = [&text](const std::string& part) {
            EXPECT_NE(text.find(part), std::string::npos) << part;
        };
        has(fmt::format("#{} ", json["seq"].get<std::uint64_t>()));
        has(fmt::format("pid {} ", json["pid"].get<std::uint32_t>()));
        has(fmt::format("tid {} ", json["tid"].get<std::uint32_t>()));
        has(fmt::format("CPU {}\n", json["cpu"].get<std::uint32_t>()));
        has(json["comm"].get<std::string>());
        has(fmt::format("{} {}", json["access"].get<std::string>(), json["target"].get<std::string>()));
        has(fmt::format("trap at {}", json["address"].get<std::string>()));
        has(fmt::format("(ip {})", json["ip"].get<std::string>()));
        EXPECT_EQ(json.contains("old"), hit.width != 0);
        if (json.contains("old")) {
            const std::string now = json["new"].is_null() ? "?" : json["new"].get<std::string>();
            has(fmt::format("{} -> {}", json["old"].get<std::string>(), now));
        }
        if (!json["instruction"].is_null()) has(json["instruction"]["text"].get<std::string>());
        EXPECT_EQ(json["instruction"].is_null(), text.find("instruction unknown") != std::string::npos);
        EXPECT_EQ(json.contains("unordered"), text.find("unordered") != std::string::npos);
        EXPECT_EQ(json.contains("traps"), text.find(" traps") != std::string::npos);
        expect_frames(json["kernel_stack"], text);
        expect_frames(json["user_stack"], text);
        EXPECT_EQ(json["kernel_stack"].size(), hit.kernel_stack.size());
        EXPECT_EQ(json["user_stack"].size(), hit.user_stack.size());
    }
}

TEST(Sinks, HostileNamesCannotSteerTheTerminalOrBreakJson) {
    std::mt19937_64 random(1);
    Hit hit = random_hit(random);
    hit.comm = "a\033[2J\nb\xff";
    const std::string text = as_text(hit);
    EXPECT_EQ(text.find('\033'), std::string::npos);
    EXPECT_NE(text.find("a\\x1b[2J\\x0ab"), std::string::npos);
    EXPECT_NE(as_json(hit)["comm"].get<std::string>().find("a\033[2J\nb"), std::string::npos);
}

TEST(Sinks, FoldedCountsStacksOutermostFirst) {
    Hit hit;
    hit.comm = "cat";
    hit.kernel_stack = {{1, "inner", 0, "", "", 0}, {2, "sys;call", 0, "", "", 0}};
    hit.user_stack = {{3, "read", 0, "", "", 0}, {4, "main", 0, "", "", 0}};
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    {
        auto sink = make_folded_sink(ends[1], ::open("/dev/null", O_WRONLY));
        sink->on_hit(hit);
        sink->on_hit(hit);
        sink->on_summary({});
        (void)sink->flush();
    }
    ::close(ends[1]);
    std::array<char, 256> line{};
    const ssize_t got = ::read(ends[0], line.data(), line.size());
    ::close(ends[0]);
    EXPECT_EQ(std::string(line.data(), static_cast<std::size_t>(got)),
              "cat;main;read;sys:call_[k];inner_[k] 2\n");
}

} // namespace
} // namespace stakeout

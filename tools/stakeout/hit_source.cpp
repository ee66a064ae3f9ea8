#include "tools/stakeout/hit_source.h"

#include "recording/read_recording.h"
#include "tools/stakeout/ask_watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;

Result<Replayed> replay_watch(const std::string& watch, WatchListener& listener) {
    auto asked = ask_watch(watch, Json{{"v", 1}, {"op", "recording"}});
    if (!asked) return std::move(asked).error();
    if (asked->answer.contains("path"))
        return read_recording(asked->answer["path"].get<std::string>(), listener);
    Replay reading(listener);
    Status fed = done();
    auto ended = asked->client.stream([&](std::span<const std::byte> bytes) {
        fed = reading.feed(bytes);
        return static_cast<bool>(fed);
    });
    if (!ended) return std::move(ended).error();
    if (!fed) return std::move(fed).error();
    if (auto end = reading.end(); !end) return std::move(end).error();
    reading.conclude();
    return reading.replayed();
}

} // namespace

Result<HitSource> find_hit_source(const std::string& file_or_watch) {
    const bool there = ::access(file_or_watch.c_str(), F_OK) == 0;
    if (file_or_watch.find('/') != std::string::npos || file_or_watch.ends_with(".stk")) {
        if (there) return HitSource{file_or_watch, ""};
        return usage_error("read " + file_or_watch, "there is no such file");
    }
    auto folder = RunFolder::open();
    auto name = folder ? find_watch(*folder, file_or_watch) : Result<std::string>(folder.error());
    if (name) return HitSource{"", *name};
    if (there) return HitSource{file_or_watch, ""};
    Error error = name.error();
    error.cause += ", and there is no such file";
    return error;
}

Result<Replayed> replay(const HitSource& source, WatchListener& listener) {
    auto replayed =
        source.file.empty() ? replay_watch(source.watch, listener) : read_recording(source.file, listener);
    if (!replayed) return replayed;
    for (const Damage& damage : replayed->damage)
        fmt::print(stderr, "stakeout: warning: {}\n", damage.sentence(replayed->hits));
    return replayed;
}

} // namespace stakeout

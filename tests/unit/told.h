// A listener that keeps what it is told, and recordings in memory to fill it from.
#pragma once

#include "recording/deaf_listener.h"
#include "recording/encoder.h"
#include "recording/replay.h"

#include <span>
#include <string>
#include <vector>

namespace stakeout::test {

struct Told final : DeafListener {
    std::vector<Armed> armed;
    std::vector<Hit> hits;
    std::vector<Look> looks;
    std::vector<Notice> notices;
    std::vector<BrakeInterval> brakes;
    std::vector<CoverageChange> coverage;
    std::vector<Summary> summaries;

    void on_armed(const Armed& told) override { armed.push_back(told); }
    void on_hit(const Hit& told) override { hits.push_back(told); }
    void on_look(const Look& told) override { looks.push_back(told); }
    void on_notice(const Notice& told) override { notices.push_back(told); }
    void on_brake(const BrakeInterval& told) override { brakes.push_back(told); }
    void on_coverage(const CoverageChange& told) override { coverage.push_back(told); }
    void on_summary(const Summary& told) override { summaries.push_back(told); }
};

inline std::span<const std::byte> as_bytes(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

// Facts as they would be on some machine.
inline RecordingFacts some_facts() {
    RecordingFacts facts;
    facts.stakeout_version = "9.9";
    facts.recording = "0123456789abcdef0123456789abcdef";
    facts.watch_name = "a name";
    facts.host = {.host = "a-host",
                  .kernel_release = "6.1.0",
                  .kernel_version = "#1 SMP",
                  .machine = "x86_64",
                  .cpus = 4,
                  .kernel_build_id = "00ff",
                  .kernel_btf_size = 5'000'000,
                  .kernel_btf_xxh64 = 77,
                  .kernel_text = 0xffff'ffff'8100'0000};
    return facts;
}

// All of a recording at once, fed in pieces of `piece` bytes.
struct Read {
    Told told;
    Replayed replayed;
    Status status = done();
};
inline Read read_all(const std::string& recording, std::size_t piece = 1U << 16U) {
    Read read;
    Replay replay(read.told);
    for (auto rest = as_bytes(recording); !rest.empty() && read.status;) {
        const auto now = rest.first(std::min(piece, rest.size()));
        read.status = replay.feed(now);
        rest = rest.subspan(now.size());
    }
    if (read.status) read.status = replay.end();
    read.replayed = replay.replayed();
    return read;
}

} // namespace stakeout::test

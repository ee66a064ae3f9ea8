#include "recording/replay.h"

#include "recording/dictionary.h"
#include "recording/hit_reader.h"
#include "recording/limits.h"
#include "recording/wire.h"
#include "recording/zstd_frames.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>

#include <algorithm>

namespace stakeout {
namespace limits = recording_limits;
namespace {

using Objection = std::optional<std::string>;
constexpr std::size_t most_facts = 4096; // clock steps, modules: more are not kept

std::string file_called(const std::string& name) { return name.empty() ? "this" : name; }

} // namespace

std::string Damage::sentence(std::uint64_t hits_read) const {
    return fmt::format("{} is damaged at byte {}: {}; {} hits before it were read",
                       file.empty() ? "the recording" : file, offset, what, hits_read);
}

struct Replay::State {
    State(WatchListener& the_listener, OnFacts the_facts)
        : listener(the_listener), on_facts(std::move(the_facts)) {}

    WatchListener& listener;
    OnFacts on_facts;
    Replayed told;
    std::string file;
    ZstdFrames frames;
    Dictionary dictionary;
    HitReader hits{dictionary};
    Recording_Entry entry;
    bool is_fed = false;     // this file is not empty
    bool in_segment = false; // its first header was read
    bool is_over = false;    // this file is damaged
    std::optional<Error> refusal;
    std::optional<std::string> armed_told; // the recording whose watch the listener knows
    std::size_t targets = 0;               // that it is armed for
    std::uint64_t armed_at_ns = 0, last_ns = 0;
    std::string watch;

    Objection read_block(std::span<const std::uint8_t> contents);
    Objection read_entry();
    Objection read(const Recording_Header& header);
    Objection read(const Recording_Armed& armed);
    Objection read(const Recording_Hit& hit);
    Objection read(const Recording_KernelModule& module);
    Objection read(const Recording_Summary& summary);
    Objection read_step(ClockStep step);

    // What needs nothing but from_wire().
    template <class Wire, class Told>
    Objection pass(const Wire& wire, void (WatchListener::*tell)(const Told&), std::string_view what) {
        const std::optional<Told> plain = from_wire(wire);
        if (!plain) return fmt::format("{} with an impossible number", what);
        (listener.*tell)(*plain);
        return std::nullopt;
    }

    void refuse(std::string cause, std::string remedy) {
        refusal = usage_error("read " + (file.empty() ? "the recording" : file), std::move(cause),
                              std::move(remedy));
        is_over = true;
    }
    void damage(std::string what) {
        is_over = true;
        told.damage.push_back({file, frames.frame_offset(), std::move(what)});
    }
    void end_file() {
        if (is_fed && !is_over && !frames.is_between_frames()) damage("it ends within a block");
    }
};

Replay::Replay(WatchListener& listener, OnFacts on_facts)
    : state_(std::make_unique<State>(listener, std::move(on_facts))) {}
Replay::~Replay() = default;
const Replayed& Replay::replayed() const { return state_->told; }

void Replay::begin_file(std::string name) {
    State& s = *state_;
    s.end_file();
    s.file = std::move(name);
    s.frames.restart();
    s.is_fed = s.in_segment = s.is_over = false;
}

Status Replay::feed(std::span<const std::byte> bytes) {
    State& s = *state_;
    if (s.refusal) return *s.refusal;
    if (s.is_over || bytes.empty()) return done();
    s.is_fed = true;
    const std::uint64_t first_block = s.frames.frame_offset();
    auto objection = s.frames.feed(bytes, [&s](auto contents) { return s.read_block(contents); });
    if (s.refusal) return *s.refusal;
    if (!objection) return done();
    if (!s.in_segment && first_block == 0 && s.frames.frame_offset() == 0 && s.told.hits == 0 &&
        *objection == ZstdFrames::no_block) {
        s.refuse(file_called(s.file) + " is no recording", "name a .stk file that stakeout wrote");
        return *s.refusal;
    }
    s.damage(std::move(*objection));
    return done();
}

Status Replay::end() {
    State& s = *state_;
    if (s.refusal) return *s.refusal;
    if (!s.is_fed && s.told.bytes == 0)
        return usage_error("read " + (s.file.empty() ? "the recording" : s.file), "it is empty");
    s.end_file();
    s.is_over = true;
    return done();
}

void Replay::conclude() {
    State& s = *state_;
    if (s.told.has_summary || !s.armed_told) return;
    Summary summary;
    summary.watch = s.watch;
    summary.ended_by = EndedBy::Failure;
    summary.reason = s.told.damage.empty() ? "the recording stops here: the watch was killed, or still runs"
                                           : "the recording is damaged from here on";
    summary.hits = summary.records = s.told.hits;
    if (s.last_ns > s.armed_at_ns) summary.duration_ns = s.last_ns - s.armed_at_ns;
    s.told.has_summary = s.told.stops_early = true;
    s.listener.on_summary(summary);
}

Objection Replay::State::read_block(std::span<const std::uint8_t> contents) {
    google::protobuf::io::CodedInputStream in(contents.data(), static_cast<int>(contents.size()));
    constexpr std::uint32_t tag = Recording::kEntryFieldNumber << 3U | 2U;
    while (in.CurrentPosition() < static_cast<int>(contents.size())) {
        std::uint32_t size = 0;
        if (in.ReadTag() != tag || !in.ReadVarint32(&size) ||
            size > contents.size() - static_cast<std::size_t>(in.CurrentPosition()))
            return "a block that holds no entries of a recording";
        if (size > limits::most_entry_bytes) return "an entry that is larger than any";
        const auto body = contents.subspan(static_cast<std::size_t>(in.CurrentPosition()), size);
        entry.Clear();
        if (!entry.ParseFromArray(body.data(), static_cast<int>(size))) return "an entry that cannot be read";
        if (auto objection = read_entry()) return objection;
        if (refusal || !in.Skip(static_cast<int>(size))) break;
    }
    told.bytes += contents.size();
    return std::nullopt;
}

Objection Replay::State::read_entry() {
    if (entry.has_header()) return read(entry.header());
    if (!in_segment) {
        refuse("it is no recording: it does not begin with a header", "name a .stk file that stakeout wrote");
        return std::nullopt;
    }
    switch (entry.is_case()) {
    case Recording_Entry::kHit:
        return read(entry.hit());
    case Recording_Entry::kSite:
        return dictionary.add(entry.site());
    case Recording_Entry::kTask:
        return dictionary.add(entry.task());
    case Recording_Entry::kStack:
        return dictionary.add(entry.stack());
    case Recording_Entry::kFrame:
        return dictionary.add(entry.frame());
    case Recording_Entry::kText:
        return dictionary.add(entry.text());
    case Recording_Entry::kInstruction:
        return dictionary.add(entry.instruction());
    case Recording_Entry::kLook: {
        const auto look = hits.read(entry.look());
        if (!look) return "a look with an impossible number";
        listener.on_look(*look);
        return std::nullopt;
    }
    case Recording_Entry::kBrake:
        return pass(entry.brake(), &WatchListener::on_brake, "an interval");
    case Recording_Entry::kClock:
        return read_step({entry.clock().time_ns(), entry.clock().wall_ahead_ns()});
    case Recording_Entry::kCoverage:
        return pass(entry.coverage(), &WatchListener::on_coverage, "a change of coverage");
    case Recording_Entry::kNotice:
        return pass(entry.notice(), &WatchListener::on_notice, "a notice");
    case Recording_Entry::kKernelModule:
        return read(entry.kernel_module());
    case Recording_Entry::kArmed:
        return read(entry.armed());
    case Recording_Entry::kLostFromRecording:
        told.not_recorded = std::max(told.not_recorded, entry.lost_from_recording().hits());
        return std::nullopt;
    case Recording_Entry::kSummary:
        return read(entry.summary());
    default: // of a kind that came later
        return std::nullopt;
    }
}

Objection Replay::State::read(const Recording_Header& header) {
    told.schema = header.schema();
    if (header.schema() > limits::schema) {
        refuse(fmt::format("it was made by a newer stakeout (schema {}; this one reads up to {})",
                           header.schema(), limits::schema),
               "read it with the stakeout that made it, or a newer one");
        return std::nullopt;
    }
    if (header.schema() == 0 || !hits.begin(header.time_ns(), header.seq()))
        return "a header with an impossible number";
    in_segment = true;
    dictionary.forget();
    const bool is_new = !told.facts || told.facts->recording != header.recording();
    if (!told.facts) told.first_segment = header.segment();
    if (is_new) {
        told.facts = from_wire(header);
        told.has_summary = false;
        if (on_facts) on_facts(*told.facts);
    }
    if (is_new || told.clock.empty() || told.clock.back().wall_ahead_ns != header.wall_ahead_ns())
        return read_step({header.time_ns(), header.wall_ahead_ns()});
    return std::nullopt;
}

Objection Replay::State::read_step(ClockStep step) {
    if (!is_time(step.time_ns) || !is_time_step(step.wall_ahead_ns)) return "an impossible time of day";
    if (told.clock.size() < most_facts) told.clock.push_back(step);
    return std::nullopt;
}

Objection Replay::State::read(const Recording_Armed& wire) {
    const auto armed = from_wire(wire);
    if (!armed) return "an impossible watch";
    if (armed_told == told.facts->recording) return std::nullopt;
    armed_told = told.facts->recording;
    targets = armed->targets.size();
    watch = armed->watch;
    armed_at_ns = armed->at_ns;
    listener.on_armed(*armed);
    return std::nullopt;
}

Objection Replay::State::read(const Recording_Hit& wire) {
    const auto hit = hits.read(wire);
    if (!hit) return "a hit that names what was not told, or has an impossible number";
    // Whoever listens may look its target up.
    if (armed_told != told.facts->recording || hit->target_index >= targets)
        return "a hit on a target that is not watched";
    ++told.hits;
    last_ns = std::max(last_ns, hit->time_ns);
    listener.on_hit(*hit);
    return std::nullopt;
}

Objection Replay::State::read(const Recording_KernelModule& wire) {
    if (!dictionary.has_text(wire.name())) return "a kernel module whose name was not told";
    KernelModuleFacts facts{.name = dictionary.text(wire.name()),
                            .start = static_cast<std::uint64_t>(wire.start()),
                            .size = wire.size(),
                            .build_id = BuildId(from_bytes(wire.build_id()))};
    const bool known = std::find(told.modules.begin(), told.modules.end(), facts) != told.modules.end();
    if (!known && told.modules.size() < most_facts) told.modules.push_back(std::move(facts));
    return std::nullopt;
}

Objection Replay::State::read(const Recording_Summary& wire) {
    told.has_summary = true;
    return pass(wire, &WatchListener::on_summary, "a summary");
}

} // namespace stakeout

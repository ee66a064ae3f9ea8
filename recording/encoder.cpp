#include "recording/encoder.h"

#include "recording/compressor.h"
#include "recording/hit_writer.h"
#include "recording/wire.h"

namespace stakeout {

struct Encoder::State {
    State(RecordingFacts the_facts, ModuleReader modules)
        : facts(std::move(the_facts)), interner(entries, std::move(modules)), hits(entries, interner) {}

    RecordingFacts facts;
    std::optional<Recording_Entry> armed;
    EntryBuffer entries;
    Interner interner;
    HitWriter hits;
    Compressor compressor;
    std::uint64_t next_segment = 0;
    std::uint64_t hits_in_block = 0;
    std::uint64_t left_out = 0;
    bool begins_segment = false;

    // `told` is of our own making, and far smaller than the largest entry.
    template <class Told, class Message>
    void add(const Told& told, Message* (Recording_Entry::*message)()) {
        Recording_Entry entry;
        to_wire(told, *(entry.*message)());
        (void)entries.add(entry);
    }
};

Encoder::Encoder(RecordingFacts facts, ModuleReader modules)
    : state_(std::make_unique<State>(std::move(facts), std::move(modules))) {}
Encoder::~Encoder() = default;

void Encoder::begin_segment(ClockStep now, std::uint64_t lost) {
    State& s = *state_;
    s.begins_segment = true;
    s.interner.forget();
    s.hits.begin(now.time_ns, s.hits.last_seq());
    Recording_Entry entry;
    auto& header = *entry.mutable_header();
    to_wire(s.facts, header);
    header.set_segment(s.next_segment++);
    header.set_time_ns(now.time_ns);
    header.set_wall_ahead_ns(now.wall_ahead_ns);
    header.set_seq(s.hits.last_seq());
    (void)s.entries.add(entry);
    if (s.armed) (void)s.entries.add(*s.armed);
    if (lost != 0) add_lost(lost);
}

void Encoder::add_lost(std::uint64_t hits) {
    Recording_Entry entry;
    entry.mutable_lost_from_recording()->set_hits(hits);
    (void)state_->entries.add(entry);
}

void Encoder::add(const Armed& armed) {
    state_->armed.emplace();
    to_wire(armed, *state_->armed->mutable_armed());
    (void)state_->entries.add(*state_->armed);
}

void Encoder::add(const Hit& hit) {
    if (state_->hits.add(hit))
        ++state_->hits_in_block;
    else
        ++state_->left_out;
}

void Encoder::add(const Look& look) {
    (void)state_->hits.add(look); // as with hits; but looks are not counted
}
void Encoder::add(const Notice& notice) { state_->add(notice, &Recording_Entry::mutable_notice); }
void Encoder::add(const BrakeInterval& interval) { state_->add(interval, &Recording_Entry::mutable_brake); }
void Encoder::add(const CoverageChange& change) { state_->add(change, &Recording_Entry::mutable_coverage); }
void Encoder::add(const Summary& summary) { state_->add(summary, &Recording_Entry::mutable_summary); }

void Encoder::add(ClockStep step) {
    Recording_Entry entry;
    entry.mutable_clock()->set_time_ns(step.time_ns);
    entry.mutable_clock()->set_wall_ahead_ns(step.wall_ahead_ns);
    (void)state_->entries.add(entry);
}

std::size_t Encoder::bytes_waiting() const { return state_->entries.bytes().size(); }
bool Encoder::wants_segment() const { return state_->interner.is_full(); }
std::uint64_t Encoder::left_out() const { return state_->left_out; }

Block Encoder::finish_block() {
    State& s = *state_;
    Block block{s.compressor.compress(s.entries.bytes()), s.hits_in_block, s.begins_segment};
    s.entries.clear();
    s.hits_in_block = 0;
    s.begins_segment = false;
    return block;
}

} // namespace stakeout

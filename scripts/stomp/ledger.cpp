#include "scripts/stomp/ledger.h"

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t most_tasks = 4;

bool same_function(const WriterGroup& group, const Frame& frame, const Writer& writer) {
    if (group.role != writer.role || group.frame.module != frame.module) return false;
    if (frame.symbol.empty()) return group.frame.symbol.empty() && group.frame.ip == frame.ip;
    return group.frame.symbol == frame.symbol;
}

} // namespace

WriterGroup* StompLedger::group_for(const Hit& hit, const Writer& writer) {
    Frame frame;
    frame.ip = hit.ip;
    if (writer.frame != nullptr) frame = *writer.frame;
    const auto found = std::find_if(groups_.begin(), groups_.end(), [&](const WriterGroup& group) {
        return same_function(group, frame, writer);
    });
    if (found != groups_.end()) return &*found;
    if (groups_.size() == most_groups) return nullptr;
    WriterGroup group;
    group.frame = std::move(frame);
    group.via = writer.via;
    group.role = writer.role;
    groups_.push_back(std::move(group));
    return &groups_.back();
}

StompLedger::Added StompLedger::add(const Hit& hit, const Writer& writer, Judgement judgement) {
    WriterGroup* group = group_for(hit, writer);
    if (group == nullptr) {
        ++beyond_;
        return {};
    }
    const bool first_suspect = judgement == Judgement::Suspect && group->suspects == 0;
    const bool is_sample = group->hits == 0 || first_suspect;
    ++group->hits;
    if (judgement == Judgement::Suspect) ++group->suspects;
    if (judgement == Judgement::Legitimate) ++group->legitimate;
    if (judgement == Judgement::NextOwner) ++group->next_owner;
    if (first_suspect) group->numbers.clear();
    if (group->numbers.size() < most_numbers && (judgement == Judgement::Suspect || group->suspects == 0))
        group->numbers.push_back(hit.seq);
    if (group->tasks.size() < most_tasks) group->tasks.insert(hit.comm);
    if (is_sample) {
        group->sample = hit;
        if (writer.frame != nullptr) group->frame = *writer.frame;
        group->via = writer.via;
    }
    return {group, is_sample};
}

void StompLedger::add_look(const Look& look) {
    for (WriterGroup& group : groups_)
        if (group.sample.seq == look.hit && group.sample.looks.empty()) group.sample.looks.push_back(look);
}

} // namespace stakeout

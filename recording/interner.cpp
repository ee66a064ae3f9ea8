#include "recording/interner.h"

#include "recording/limits.h"
#include "recording/wire.h"

#include <xxhash.h>

#include <algorithm>

namespace stakeout {
namespace limits = recording_limits;
namespace {

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
    hash ^= value;
    hash *= 0x9e3779b97f4a7c15ULL; // 2^64 / golden ratio
    return hash ^ hash >> 32U;
}

// Where frames are, or their numbers, tells stacks apart well enough; what they are called is for the
// comparison. One and the same stack may come with two hashes, where it was numbered anew: then it is told
// twice.
std::uint64_t mixed(std::uint64_t hash, const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) hash = mixed(hash, frame.told_as != 0 ? frame.told_as : frame.ip);
    return mixed(hash, frames.size());
}

std::string_view cut(std::string_view text) { return text.substr(0, limits::longest_text); }

std::size_t cut_depth(const std::vector<Frame>& frames) {
    return std::min(frames.size(), limits::deepest_stack);
}

} // namespace

std::size_t Interner::TextHash::operator()(std::string_view text) const {
    return XXH3_64bits(text.data(), text.size());
}

// No entry here comes near the largest that there may be.
void Interner::tell(const Recording_Entry& entry) { (void)entries_.add(entry); }

Interner::Id Interner::text(std::string_view text) {
    if (text.empty()) return 0;
    text = cut(text);
    if (const auto known = text_ids_.find(text); known != text_ids_.end()) return known->second;
    const Id id = static_cast<Id>(texts_.size()) + 1;
    const auto added = text_ids_.emplace(text, id).first;
    texts_.push_back(&added->first);
    text_bytes_ += text.size();
    auto& told = *entry_.mutable_text();
    told.set_id(id);
    told.set_text(added->first);
    tell(entry_);
    return id;
}

bool Interner::is_text(Id id, std::string_view text) const {
    if (id == 0 || text.empty()) return id == 0 && text.empty();
    return text_of(id) == cut(text);
}

Interner::Id Interner::frame(const Frame& frame, bool user) {
    const std::uint64_t hash = mixed(XXH3_64bits(frame.symbol.data(), frame.symbol.size()), frame.ip);
    if (const Id known = frame_ids_.find(hash, [&](Id id) { return frames_[id - 1] == frame; })) return known;
    const Id symbol = text(frame.symbol);
    const Id module = text(frame.module);
    const Id file = text(frame.file);
    if (!user && module != 0) tell_module(module);
    frames_.push_back(frame);
    const Id id = static_cast<Id>(frames_.size());
    frame_ids_.add(hash, id);
    auto& told = *entry_.mutable_frame();
    told.Clear();
    told.set_id(id);
    told.set_ip(static_cast<std::int64_t>(frame.ip));
    told.set_symbol(symbol);
    told.set_offset(frame.offset);
    told.set_module(module);
    told.set_file(file);
    told.set_line(frame.line);
    told.set_image_address(frame.image_address);
    told.set_build_id(to_bytes(frame.build_id.bytes()));
    tell(entry_);
    return id;
}

void Interner::tell_module(Id name) {
    if (module_told_.size() < name) module_told_.resize(name);
    if (module_told_[name - 1]) return;
    module_told_[name - 1] = true;
    const auto facts = modules_ ? modules_(text_of(name)) : std::nullopt;
    if (!facts) return;
    auto& told = *entry_.mutable_kernel_module();
    told.Clear();
    told.set_name(name);
    told.set_start(static_cast<std::int64_t>(facts->start));
    told.set_size(facts->size);
    told.set_build_id(to_bytes(facts->build_id.bytes()));
    tell(entry_);
}

bool Interner::is_stack(Id id, const std::vector<Frame>& frames) const {
    const auto& known = stacks_[id - 1];
    return known.size() == cut_depth(frames) &&
           std::equal(known.begin(), known.end(), frames.begin(), [](const Stacked& one, const Frame& other) {
               return (one.told_as != 0 && one.told_as == other.told_as) || *one.frame == other;
           });
}

Interner::Id Interner::stack(const std::vector<Frame>& frames, bool user) {
    if (frames.empty()) return 0;
    const std::uint64_t hash = mixed(0, frames);
    if (const Id known = stack_ids_.find(hash, [&](Id id) { return is_stack(id, frames); })) return known;
    std::vector<Id> ids;
    std::vector<Stacked> content;
    for (std::size_t i = 0; i < cut_depth(frames); ++i) {
        ids.push_back(frame(frames[i], user));
        content.push_back({frames[i].told_as, &frames_[ids.back() - 1]});
    }
    stacked_frames_ += ids.size();
    stacks_.push_back(std::move(content));
    const Id id = static_cast<Id>(stacks_.size());
    stack_ids_.add(hash, id);
    auto& told = *entry_.mutable_stack();
    told.Clear();
    told.set_id(id);
    told.mutable_frame()->Add(ids.begin(), ids.end());
    tell(entry_);
    return id;
}

Interner::Id Interner::instruction(const Instruction& instruction) {
    const std::uint64_t hash = mixed(0, instruction.address);
    if (const Id known =
            instruction_ids_.find(hash, [&](Id id) { return instructions_[id - 1] == instruction; }))
        return known;
    const Id what = text(instruction.text);
    instructions_.push_back(instruction);
    const Id id = static_cast<Id>(instructions_.size());
    instruction_ids_.add(hash, id);
    auto& told = *entry_.mutable_instruction();
    told.Clear();
    told.set_id(id);
    told.set_address(static_cast<std::int64_t>(instruction.address));
    told.set_text(what);
    told.set_code_start(static_cast<std::int64_t>(instruction.code.start));
    told.set_code(to_bytes(std::span(instruction.code.bytes).first(instruction.code.size)));
    tell(entry_);
    return id;
}

Interner::Id Interner::task(const Hit& hit) {
    const std::uint64_t hash = mixed(hit.pid, hit.tid);
    if (const Id known = task_ids_.find(hash, [&](Id id) {
            const Task& task = tasks_[id - 1];
            return task.pid == hit.pid && task.tid == hit.tid && is_text(task.comm, hit.comm);
        }))
        return known;
    const Id comm = text(hit.comm);
    tasks_.push_back({hit.pid, hit.tid, comm});
    const Id id = static_cast<Id>(tasks_.size());
    task_ids_.add(hash, id);
    auto& told = *entry_.mutable_task();
    told.Clear();
    told.set_id(id);
    told.set_pid(hit.pid);
    told.set_tid(hit.tid);
    told.set_comm(comm);
    tell(entry_);
    return id;
}

bool Interner::is_site(const Site& site, const Hit& hit) const {
    const auto same_instruction = [&] {
        if (site.instruction == 0 || !hit.instruction) return site.instruction == 0 && !hit.instruction;
        return instructions_[site.instruction - 1] == *hit.instruction;
    };
    const auto same_stack = [this](Id id, const std::vector<Frame>& frames) {
        return id == 0 ? frames.empty() : is_stack(id, frames);
    };
    return site.access == hit.access && site.target_index == hit.target_index &&
           site.address == hit.address && site.width == hit.width && site.ip == hit.ip &&
           site.user_mode == hit.user_mode && is_text(site.target, hit.target) && same_instruction() &&
           same_stack(site.kernel_stack, hit.kernel_stack) && same_stack(site.user_stack, hit.user_stack);
}

Interner::Id Interner::site(const Hit& hit) {
    const std::uint64_t place = mixed(mixed(hit.ip, hit.address), hit.target_index);
    const std::uint64_t hash = mixed(mixed(place, hit.kernel_stack), hit.user_stack);
    if (const Id known = site_ids_.find(hash, [&](Id id) { return is_site(sites_[id - 1], hit); }))
        return known;
    Site site{.access = hit.access,
              .target_index = hit.target_index,
              .target = text(hit.target),
              .address = hit.address,
              .width = hit.width,
              .ip = hit.ip,
              .instruction = hit.instruction ? instruction(*hit.instruction) : 0,
              .user_mode = hit.user_mode,
              .kernel_stack = stack(hit.kernel_stack, false),
              .user_stack = stack(hit.user_stack, true)};
    sites_.push_back(site);
    const Id id = static_cast<Id>(sites_.size());
    site_ids_.add(hash, id);
    auto& told = *entry_.mutable_site();
    told.Clear();
    told.set_id(id);
    told.set_access(to_wire(site.access));
    told.set_target_index(static_cast<std::uint32_t>(site.target_index));
    told.set_target(site.target);
    told.set_address(static_cast<std::int64_t>(site.address));
    told.set_width(site.width);
    told.set_ip(static_cast<std::int64_t>(site.ip));
    told.set_instruction(site.instruction);
    told.set_user_mode(site.user_mode);
    told.set_kernel_stack(site.kernel_stack);
    told.set_user_stack(site.user_stack);
    tell(entry_);
    return id;
}

bool Interner::is_full() const {
    constexpr std::size_t enough = limits::most_ids - limits::spare_ids;
    return texts_.size() > enough || frames_.size() > enough || stacks_.size() > enough ||
           instructions_.size() > enough || tasks_.size() > enough || sites_.size() > enough ||
           text_bytes_ > limits::most_text_bytes - limits::spare_text_bytes ||
           stacked_frames_ > limits::most_stacked_frames - 2 * limits::deepest_stack;
}

void Interner::forget() {
    text_ids_.clear();
    texts_.clear();
    text_bytes_ = 0;
    for (IdIndex* index : {&frame_ids_, &stack_ids_, &instruction_ids_, &task_ids_, &site_ids_})
        index->clear();
    frames_.clear();
    stacks_.clear();
    stacked_frames_ = 0;
    instructions_.clear();
    tasks_.clear();
    sites_.clear();
    module_told_.clear();
}

} // namespace stakeout

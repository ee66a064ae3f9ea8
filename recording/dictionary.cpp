#include "recording/dictionary.h"

#include "recording/limits.h"
#include "recording/wire.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace limits = recording_limits;
namespace {

Dictionary::Objection bad_id(std::string_view kind, std::uint32_t id, std::size_t told) {
    if (id == told + 1 && told < limits::most_ids) return std::nullopt;
    return fmt::format("{} {} after {} of them", kind, id, told);
}

Dictionary::Objection names_unknown(std::string_view kind, std::uint32_t id, std::string_view what) {
    return fmt::format("{} {} names a {} that was not told", kind, id, what);
}

} // namespace

Dictionary::Objection Dictionary::add(const Recording_Text& text) {
    if (auto bad = bad_id("text", text.id(), texts_.size())) return bad;
    text_bytes_ += text.text().size();
    if (text.text().size() > limits::longest_text || text_bytes_ > limits::most_text_bytes)
        return fmt::format("text {} is longer than any", text.id());
    texts_.push_back(text.text());
    return std::nullopt;
}

Dictionary::Objection Dictionary::add(const Recording_Frame& frame) {
    if (auto bad = bad_id("frame", frame.id(), frames_.size())) return bad;
    if (!has_text(frame.symbol()) || !has_text(frame.module()) || !has_text(frame.file()))
        return names_unknown("frame", frame.id(), "text");
    frames_.push_back({.ip = static_cast<std::uint64_t>(frame.ip()),
                       .offset = frame.offset(),
                       .image_address = frame.image_address(),
                       .symbol = frame.symbol(),
                       .module = frame.module(),
                       .file = frame.file(),
                       .line = frame.line(),
                       .build_id = BuildId(from_bytes(frame.build_id()))});
    return std::nullopt;
}

Dictionary::Objection Dictionary::add(const Recording_Stack& stack) {
    if (auto bad = bad_id("stack", stack.id(), stacks_.size())) return bad;
    const auto& ids = stack.frame();
    if (std::any_of(ids.begin(), ids.end(), [this](auto id) { return id == 0 || id > frames_.size(); }))
        return names_unknown("stack", stack.id(), "frame");
    stacked_frames_ += static_cast<std::size_t>(ids.size());
    if (static_cast<std::size_t>(ids.size()) > limits::deepest_stack ||
        stacked_frames_ > limits::most_stacked_frames)
        return fmt::format("stack {} is deeper than any", stack.id());
    stacks_.emplace_back(ids.begin(), ids.end());
    return std::nullopt;
}

Dictionary::Objection Dictionary::add(const Recording_Instruction& instruction) {
    if (auto bad = bad_id("instruction", instruction.id(), instructions_.size())) return bad;
    if (!has_text(instruction.text())) return names_unknown("instruction", instruction.id(), "text");
    if (instruction.code().size() > CodeBytes::most)
        return fmt::format("instruction {} has more code than any", instruction.id());
    StoredInstruction stored{static_cast<std::uint64_t>(instruction.address()), instruction.text(), {}};
    stored.code.start = static_cast<std::uint64_t>(instruction.code_start());
    stored.code.size = static_cast<std::uint32_t>(instruction.code().size());
    const auto code = from_bytes(instruction.code());
    std::copy(code.begin(), code.end(), stored.code.bytes.begin());
    instructions_.push_back(stored);
    return std::nullopt;
}

Dictionary::Objection Dictionary::add(const Recording_Task& task) {
    if (auto bad = bad_id("task", task.id(), tasks_.size())) return bad;
    if (!has_text(task.comm())) return names_unknown("task", task.id(), "text");
    tasks_.push_back({task.pid(), task.tid(), task.comm()});
    return std::nullopt;
}

Dictionary::Objection Dictionary::add(const Recording_Site& site) {
    if (auto bad = bad_id("site", site.id(), sites_.size())) return bad;
    if (!has_text(site.target())) return names_unknown("site", site.id(), "text");
    if (site.instruction() > instructions_.size()) return names_unknown("site", site.id(), "instruction");
    if (site.kernel_stack() > stacks_.size() || site.user_stack() > stacks_.size())
        return names_unknown("site", site.id(), "stack");
    const auto access = from_wire(site.access());
    if (!access) return fmt::format("site {} makes an unknown access", site.id());
    sites_.push_back({.access = *access,
                      .target_index = site.target_index(),
                      .target = site.target(),
                      .width = site.width(),
                      .instruction = site.instruction(),
                      .kernel_stack = site.kernel_stack(),
                      .user_stack = site.user_stack(),
                      .address = static_cast<std::uint64_t>(site.address()),
                      .ip = static_cast<std::uint64_t>(site.ip()),
                      .user_mode = site.user_mode()});
    return std::nullopt;
}

std::vector<Frame> Dictionary::frames_of(std::uint32_t stack) const {
    std::vector<Frame> frames;
    if (stack == 0) return frames;
    const auto& ids = stacks_[stack - 1];
    frames.reserve(ids.size());
    for (const std::uint32_t id : ids) {
        const StoredFrame& stored = frames_[id - 1];
        frames.push_back({.ip = stored.ip,
                          .symbol = text(stored.symbol),
                          .offset = stored.offset,
                          .module = text(stored.module),
                          .file = text(stored.file),
                          .line = stored.line,
                          .image_address = stored.image_address,
                          .build_id = stored.build_id});
    }
    return frames;
}

bool Dictionary::fill(std::uint32_t site_id, std::uint32_t task_id, Hit& hit) const {
    if (site_id == 0 || site_id > sites_.size() || task_id == 0 || task_id > tasks_.size()) return false;
    const StoredTask& task = tasks_[task_id - 1];
    hit.pid = task.pid;
    hit.tid = task.tid;
    hit.comm = text(task.comm);
    const StoredSite& site = sites_[site_id - 1];
    hit.access = site.access;
    hit.target_index = site.target_index;
    hit.target = text(site.target);
    hit.address = site.address;
    hit.width = site.width;
    hit.ip = site.ip;
    hit.user_mode = site.user_mode;
    if (site.instruction != 0) {
        const StoredInstruction& stored = instructions_[site.instruction - 1];
        hit.instruction = Instruction{stored.address, text(stored.text), stored.code};
    }
    hit.kernel_stack = frames_of(site.kernel_stack);
    hit.user_stack = frames_of(site.user_stack);
    return true;
}

void Dictionary::forget() {
    texts_.clear();
    text_bytes_ = 0;
    frames_.clear();
    stacks_.clear();
    stacked_frames_ = 0;
    instructions_.clear();
    tasks_.clear();
    sites_.clear();
}

} // namespace stakeout

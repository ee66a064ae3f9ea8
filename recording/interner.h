// What repeats from hit to hit, told once in a segment and then named by its id: texts, frames, stacks,
// instructions, tasks, and sites (all that hits of one place in the code on one target have in common).
//
// A hash finds what may be the same; comparing the whole content decides. Nearly every hit is of a known site
// and task, so that its way is two look-ups and two comparisons.
#pragma once

#include "recording/entry_buffer.h"
#include "recording/facts.h"
#include "recording/id_index.h"
#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stakeout {

class Interner {
  public:
    using Id = std::uint32_t; // 0: none, or the empty text
    using ModuleReader = std::function<std::optional<KernelModuleFacts>(std::string_view name)>;

    // New things are told into `entries`, before what names them. Facts of kernel modules come from
    // `modules`.
    Interner(EntryBuffer& entries, ModuleReader modules) : entries_(entries), modules_(std::move(modules)) {}

    Id text(std::string_view text);
    Id task(const Hit& hit);
    Id site(const Hit& hit);

    // So much is told that a segment should end.
    [[nodiscard]] bool is_full() const;
    void forget(); // a new segment

  private:
    struct Site {
        Access access;
        std::size_t target_index;
        Id target;
        std::uint64_t address;
        std::uint32_t width;
        std::uint64_t ip;
        Id instruction;
        bool user_mode;
        Id kernel_stack, user_stack;
    };
    struct Task {
        std::uint32_t pid, tid;
        Id comm;
    };
    struct TextHash {
        using is_transparent = void; // found by a view, without a copy
        std::size_t operator()(std::string_view text) const;
    };
    struct Stacked {
        std::uint64_t told_as; // the frame's: what is enough to know it
        const Frame* frame;
    };

    Id instruction(const Instruction& instruction);
    Id frame(const Frame& frame, bool user);
    Id stack(const std::vector<Frame>& frames, bool user);
    void tell_module(Id name);
    void tell(const Recording_Entry& entry);

    [[nodiscard]] const std::string& text_of(Id id) const { return *texts_[id - 1]; }
    [[nodiscard]] bool is_text(Id id, std::string_view text) const;
    [[nodiscard]] bool is_stack(Id id, const std::vector<Frame>& frames) const;
    [[nodiscard]] bool is_site(const Site& site, const Hit& hit) const;

    EntryBuffer& entries_;
    ModuleReader modules_;
    Recording_Entry entry_;

    std::unordered_map<std::string, Id, TextHash, std::equal_to<>> text_ids_;
    std::vector<const std::string*> texts_; // keys of text_ids_
    std::size_t text_bytes_ = 0;
    // By the hash of what tells most of them apart.
    IdIndex frame_ids_, stack_ids_, instruction_ids_, task_ids_, site_ids_;
    std::deque<Frame> frames_;
    std::vector<std::vector<Stacked>> stacks_;
    std::size_t stacked_frames_ = 0;
    std::deque<Instruction> instructions_;
    std::vector<Task> tasks_;
    std::vector<Site> sites_;
    std::vector<bool> module_told_; // by text id
};

} // namespace stakeout

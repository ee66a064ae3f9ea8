// What a segment has told once, on the reading side. Nothing in it is trusted: each id is the next of its
// kind, names only what was told before, and there are not more of them than a recording may have.
#pragma once

#include "recording/recording.pb.h"
#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

class Dictionary {
  public:
    // What is wrong with an entry, as a clause; nullopt: nothing.
    using Objection = std::optional<std::string>;

    Objection add(const Recording_Text& text);
    Objection add(const Recording_Frame& frame);
    Objection add(const Recording_Stack& stack);
    Objection add(const Recording_Instruction& instruction);
    Objection add(const Recording_Task& task);
    Objection add(const Recording_Site& site);
    void forget();

    [[nodiscard]] bool has_text(std::uint32_t id) const { return id <= texts_.size(); }
    [[nodiscard]] const std::string& text(std::uint32_t id) const { return id == 0 ? none_ : texts_[id - 1]; }
    // Fills in what the site and the task tell of a hit; false: no such site or task.
    [[nodiscard]] bool fill(std::uint32_t site, std::uint32_t task, Hit& hit) const;

  private:
    struct StoredFrame {
        std::uint64_t ip, offset, image_address;
        std::uint32_t symbol, module, file;
        int line;
        BuildId build_id;
    };
    struct StoredInstruction {
        std::uint64_t address;
        std::uint32_t text;
        CodeBytes code;
    };
    struct StoredTask {
        std::uint32_t pid, tid, comm;
    };
    struct StoredSite {
        Access access;
        std::uint32_t target_index, target, width, instruction, kernel_stack, user_stack;
        std::uint64_t address, ip;
        bool user_mode;
    };
    [[nodiscard]] std::vector<Frame> frames_of(std::uint32_t stack) const;

    const std::string none_;
    std::vector<std::string> texts_;
    std::size_t text_bytes_ = 0;
    std::vector<StoredFrame> frames_;
    std::vector<std::vector<std::uint32_t>> stacks_;
    std::size_t stacked_frames_ = 0;
    std::vector<StoredInstruction> instructions_;
    std::vector<StoredTask> tasks_;
    std::vector<StoredSite> sites_;
};

} // namespace stakeout

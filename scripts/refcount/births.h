// The kernel's half of following objects, loaded and attached: who is born, and who of the followed is freed.
//
// Contract: nothing is reported until want() says that an object is wanted; each call brings one birth at the
// most. Everything hangs on descriptors of this object.
#pragma once

#include "base/result.h"
#include "scripts/refcount/births_layout.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace stakeout {

// Where objects come from, and where the counter is in them.
struct Birthplace {
    struct Function { // of a process: a uprobe needs file and offset
        int pid = 0;
        std::string path;
        std::uint64_t file_offset = 0;
    };
    std::optional<Function> process;            // absent: the kernel's
    std::uint64_t site_start = 0, site_end = 0; // kernel: the text of the function that allocates; 0: any
    std::string cache;                          // kernel: slab cache; empty: any
    std::uint64_t offset = 0;                   // of the counter in the object
    std::uint32_t bytes = 4;                    // its width: 1, 2, 4, 8
};

class Births {
  public:
    static Result<std::unique_ptr<Births>> attach(const Birthplace& place); // Error: CannotArm
    ~Births();
    Births(const Births&) = delete;
    Births& operator=(const Births&) = delete;

    [[nodiscard]] int fd() const; // readable when there are events
    void want();                  // one more object
    void forget(std::uint64_t address);
    using Take = std::function<void(const births_event&)>;
    void take(const Take& take); // all events at hand, in order

    [[nodiscard]] std::uint64_t births() const; // all that were seen, taken or not
    [[nodiscard]] std::uint64_t unheard() const;

  private:
    Births();
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout

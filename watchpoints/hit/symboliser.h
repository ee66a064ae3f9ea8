// Addresses -> frames. Lazily: /proc/kallsyms is read at the first kernel frame, a process's maps at its
// first user frame, an ELF file's symbols at the first frame in it. All are kept, so that the frames of a
// process that has ended meanwhile are still told, provided it was noticed once (notice_process, called for
// each process's first hit).
#pragma once

#include "watchpoints/hit/hit.h"
#include "watchpoints/target/elf_image.h"
#include "watchpoints/target/kernel_symbols.h"
#include "watchpoints/target/process_maps.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

namespace stakeout {

class Symboliser {
  public:
    Symboliser();
    ~Symboliser();
    Symboliser(const Symboliser&) = delete;
    Symboliser& operator=(const Symboliser&) = delete;

    // Uses this table instead of reading /proc/kallsyms again. The table must outlive the symboliser.
    void use_kernel_symbols(const KernelSymbols* symbols);

    // Reads the maps of a process while it lives (again, if it was noticed before and `again` is set, as
    // after exec or dlopen), and opens its files. Silent if it is gone.
    void notice_process(std::uint32_t pid, bool again = false);

    // `is_return_address`: symbol and line are looked up one byte earlier, so that a call at the very end of
    // a function is not attributed to the next one; `ip` and `offset` are still those of the address given.
    const Frame& kernel_frame(std::uint64_t ip, bool is_return_address);
    // The reference stays valid until the next call with another pid or address.
    const Frame& user_frame(std::uint32_t pid, std::uint64_t ip, bool is_return_address);

    // Start of the function that holds an address.
    std::optional<std::uint64_t> kernel_function_start(std::uint64_t ip);
    std::optional<std::uint64_t> user_function_start(std::uint32_t pid, std::uint64_t ip);
    // Code bytes of a process, from the mapped file (which need not be there any more at that path: it was
    // opened when the process was noticed). Returns how many.
    std::size_t read_user_code(std::uint32_t pid, std::uint64_t address, std::span<std::uint8_t> into);

    // To be called every few seconds: gives back the memory that only describing new frames takes (DWARF, the
    // allocator's leavings), if any were described since the last call.
    void rest();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout

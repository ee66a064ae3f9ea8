// A file descriptor written to without ever waiting for it: a terminal that is stopped, a pipe nobody reads
// or a full disk must not keep a watch from looking after its brake and its time to live. What cannot be
// written yet is kept, up to a limit; then has_room() is false and the hits stay in the kernel's ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace stakeout {

class OutputStream {
  public:
    explicit OutputStream(int fd);

    void append(std::string_view text) { pending_.append(text); }
    [[nodiscard]] std::string& buffer() { return pending_; }
    // Writes what can be written now. False: the reader has gone for good.
    [[nodiscard]] bool flush();
    [[nodiscard]] bool has_room() const { return pending_.size() - written_ < most_pending; }

    [[nodiscard]] bool is_behind() const { return written_ < pending_.size(); }
    [[nodiscard]] std::uint64_t total() const { return total_; } // bytes written since the beginning

    static constexpr std::size_t most_pending = std::size_t{1} << 20;

  private:
    int fd_;
    bool is_file_ = false;
    std::string pending_;
    std::size_t written_ = 0; // of pending_
    std::uint64_t total_ = 0;
    bool told_ = false; // about a full disk
};

} // namespace stakeout

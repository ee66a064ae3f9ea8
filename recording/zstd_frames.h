// zstd frames in, in pieces of any size -> their contents, whole and with a checksum that is right.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct ZSTD_DCtx_s;

namespace stakeout {

class ZstdFrames {
  public:
    // What is wrong, as a clause; nullopt: nothing.
    using Objection = std::optional<std::string>;
    using Visit = std::function<Objection(std::span<const std::uint8_t> contents)>;

    static constexpr const char* no_block = "no block begins here";

    ZstdFrames();
    // Hands each frame that is complete to `visit`, and stops at the first objection, the visitor's or its
    // own.
    Objection feed(std::span<const std::byte> bytes, const Visit& visit);

    [[nodiscard]] std::uint64_t frame_offset() const { return frame_offset_; } // of the frame being read
    [[nodiscard]] bool is_between_frames() const { return in_frame_ == 0; }
    void restart(); // with another file

  private:
    struct End {
        void operator()(ZSTD_DCtx_s* context) const;
    };
    [[nodiscard]] Objection check_head() const; // as far as it is there
    // Takes from the front of `bytes`; true: a frame is complete.
    Objection decompress(std::span<const std::byte>& bytes, bool& complete);

    static constexpr std::size_t head_bytes = 5; // magic number, and the byte that tells of the checksum
    std::unique_ptr<ZSTD_DCtx_s, End> context_;
    std::array<std::byte, head_bytes> head_{};
    std::vector<std::uint8_t> contents_;
    std::size_t size_ = 0; // of contents_, so far
    std::uint64_t frame_offset_ = 0;
    std::uint64_t in_frame_ = 0; // bytes of it taken so far
};

} // namespace stakeout

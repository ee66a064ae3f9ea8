// Bytes -> one zstd frame, with its checksum.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct ZSTD_CCtx_s;

namespace stakeout {

class Compressor {
  public:
    Compressor();
    // Empty: zstd could not (no memory).
    [[nodiscard]] std::string compress(std::span<const std::uint8_t> bytes);

  private:
    struct End {
        void operator()(ZSTD_CCtx_s* context) const;
    };
    std::unique_ptr<ZSTD_CCtx_s, End> context_;
    std::string room_;
};

} // namespace stakeout

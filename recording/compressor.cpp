#include "recording/compressor.h"

#include <zstd.h>

namespace stakeout {

void Compressor::End::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

Compressor::Compressor() : context_(ZSTD_createCCtx()) {
    if (!context_) return;
    // Level 1: hits are counted in nanoseconds, and deltas and ids have taken the most away already.
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}

std::string Compressor::compress(std::span<const std::uint8_t> bytes) {
    if (!context_) return {};
    room_.resize(ZSTD_compressBound(bytes.size()));
    const std::size_t size =
        ZSTD_compress2(context_.get(), room_.data(), room_.size(), bytes.data(), bytes.size());
    if (ZSTD_isError(size) != 0) return {};
    return {room_.data(), size};
}

} // namespace stakeout

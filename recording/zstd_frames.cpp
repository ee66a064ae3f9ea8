#include "recording/zstd_frames.h"

#include "recording/limits.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

namespace stakeout {
namespace limits = recording_limits;

void ZstdFrames::End::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

ZstdFrames::ZstdFrames() : context_(ZSTD_createDCtx()) {
    constexpr int window_log = 24; // as large as the largest block
    if (context_) ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, window_log);
}

void ZstdFrames::restart() {
    if (context_) ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
    size_ = 0;
    frame_offset_ = in_frame_ = 0;
}

// Without its checksum a frame could be damaged and not look so. Frames that zstd skips are not ours either.
ZstdFrames::Objection ZstdFrames::check_head() const {
    constexpr std::array magic{std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}};
    constexpr std::byte checksum_flag{4};
    const std::size_t known = std::min<std::size_t>(in_frame_, magic.size());
    if (!std::equal(magic.begin(), magic.begin() + static_cast<std::ptrdiff_t>(known), head_.begin()))
        return no_block;
    if (in_frame_ >= head_bytes && (head_[4] & checksum_flag) == std::byte{0})
        return "a block without a checksum";
    return std::nullopt;
}

ZstdFrames::Objection ZstdFrames::decompress(std::span<const std::byte>& bytes, bool& complete) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t left = 1; // 0: the frame is complete
    do {
        if (size_ == contents_.size()) {
            if (size_ >= limits::most_block_bytes) return "a block that is larger than any";
            constexpr std::size_t at_first = 16'384;
            contents_.resize(std::max(2 * size_, at_first));
        }
        ZSTD_outBuffer out{contents_.data(), contents_.size(), size_};
        left = ZSTD_decompressStream(context_.get(), &out, &in);
        size_ = out.pos;
        if (ZSTD_isError(left) != 0) return fmt::format("a damaged block ({})", ZSTD_getErrorName(left));
        // It may hold back what there was no room for, with all input taken.
    } while (left != 0 && (in.pos < in.size || size_ == contents_.size()));
    bytes = bytes.subspan(in.pos);
    in_frame_ += in.pos;
    complete = left == 0;
    return std::nullopt;
}

ZstdFrames::Objection ZstdFrames::feed(std::span<const std::byte> bytes, const Visit& visit) {
    if (!context_) return "no memory to decompress it";
    while (!bytes.empty()) {
        if (in_frame_ < head_bytes) {
            const std::size_t missing = std::min<std::size_t>(head_bytes - in_frame_, bytes.size());
            std::copy_n(bytes.begin(), missing, head_.begin() + static_cast<std::ptrdiff_t>(in_frame_));
            bytes = bytes.subspan(missing);
            in_frame_ += missing;
            if (auto objection = check_head()) return objection;
            if (in_frame_ < head_bytes) break;
            std::span<const std::byte> head(head_);
            in_frame_ = 0; // decompress() counts it
            bool complete = false;
            if (auto objection = decompress(head, complete)) return objection;
            continue;
        }
        bool complete = false;
        if (auto objection = decompress(bytes, complete)) return objection;
        if (!complete) continue;
        const auto contents = std::span(contents_).first(size_);
        size_ = 0;
        if (auto objection = visit(contents)) return objection;
        frame_offset_ += in_frame_;
        in_frame_ = 0;
    }
    return std::nullopt;
}

} // namespace stakeout

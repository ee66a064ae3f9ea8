#include "export/gzip.h"

#include <zlib.h>

#include <array>
#include <limits>
#include <vector>

namespace stakeout {

std::string gzip(std::string_view bytes) {
    z_stream stream{};
    constexpr int gzip_format = 16 + MAX_WBITS, memory_level = 8;
    if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_format, memory_level,
                       Z_DEFAULT_STRATEGY) != Z_OK)
        return {};
    std::vector<Bytef> in(bytes.begin(), bytes.end()); // zlib's pointers are not const
    constexpr std::size_t most_at_once = std::numeric_limits<uInt>::max();
    std::string out;
    std::array<Bytef, 65536> room{};
    std::size_t at = 0;
    int state = Z_OK;
    while (state == Z_OK) {
        if (stream.avail_in == 0 && at < in.size()) {
            stream.next_in = in.data() + at;
            stream.avail_in = static_cast<uInt>(std::min(most_at_once, in.size() - at));
            at += stream.avail_in;
        }
        stream.next_out = room.data();
        stream.avail_out = room.size();
        state = ::deflate(&stream, at == in.size() ? Z_FINISH : Z_NO_FLUSH);
        out.append(room.begin(), room.end() - stream.avail_out);
    }
    ::deflateEnd(&stream);
    return state == Z_STREAM_END ? out : std::string();
}

} // namespace stakeout

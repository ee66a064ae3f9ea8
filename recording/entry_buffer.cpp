#include "recording/entry_buffer.h"

#include "recording/limits.h"

#include <google/protobuf/io/coded_stream.h>

namespace stakeout {

bool EntryBuffer::add(const Recording_Entry& entry) {
    using google::protobuf::io::CodedOutputStream;
    const std::size_t size = entry.ByteSizeLong();
    if (size > recording_limits::most_entry_bytes) return false;
    constexpr std::uint8_t tag = Recording::kEntryFieldNumber << 3U | 2U; // length-delimited
    const std::size_t before = bytes_.size();
    const auto length = static_cast<std::uint32_t>(size);
    bytes_.resize(before + 1 + CodedOutputStream::VarintSize32(length) + size);
    std::uint8_t* to = bytes_.data() + before;
    *to++ = tag;
    to = CodedOutputStream::WriteVarint32ToArray(length, to);
    (void)entry.SerializeWithCachedSizesToArray(to);
    return true;
}

} // namespace stakeout

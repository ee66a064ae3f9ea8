#include "loader/compiler/btf_image.h"

#include "base/owned_fd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace stakeout {
namespace {

constexpr std::uint32_t deepest = 64; // chains of modifiers end long before; damaged ones never do

// Bytes after the fixed part of a type, or -1 for a kind this reader does not know.
std::ptrdiff_t tail_bytes(const btf_type& type) {
    const std::ptrdiff_t entries = BTF_INFO_VLEN(type.info);
    switch (BTF_INFO_KIND(type.info)) {
    case BTF_KIND_INT:
        return sizeof(std::uint32_t);
    case BTF_KIND_ARRAY:
        return sizeof(btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
        return entries * static_cast<std::ptrdiff_t>(sizeof(btf_member));
    case BTF_KIND_ENUM:
        return entries * static_cast<std::ptrdiff_t>(sizeof(btf_enum));
    case BTF_KIND_ENUM64:
        return entries * static_cast<std::ptrdiff_t>(sizeof(btf_enum64));
    case BTF_KIND_FUNC_PROTO:
        return entries * static_cast<std::ptrdiff_t>(sizeof(btf_param));
    case BTF_KIND_VAR:
        return sizeof(btf_var);
    case BTF_KIND_DATASEC:
        return entries * static_cast<std::ptrdiff_t>(sizeof(btf_var_secinfo));
    case BTF_KIND_DECL_TAG:
        return sizeof(btf_decl_tag);
    case BTF_KIND_PTR:
    case BTF_KIND_FWD:
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_FUNC:
    case BTF_KIND_FLOAT:
    case BTF_KIND_TYPE_TAG:
        return 0;
    default:
        return -1;
    }
}

bool is_modifier(std::uint32_t kind) {
    return kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_RESTRICT ||
           kind == BTF_KIND_TYPE_TAG;
}

// The kernel's own pages where it allows that (Linux 6.16 and later), else a copy.
std::span<const unsigned char> map_file(int fd, std::size_t bytes) {
    void* mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped != MAP_FAILED) return {static_cast<const unsigned char*>(mapped), bytes};
    mapped =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (mapped == MAP_FAILED) return {};
    const std::span room(static_cast<unsigned char*>(mapped), bytes);
    for (std::size_t at = 0; at < bytes;) {
        const ssize_t got = ::read(fd, room.subspan(at).data(), bytes - at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            ::munmap(mapped, bytes);
            return {};
        }
        at += static_cast<std::size_t>(got);
    }
    return room;
}

} // namespace

BtfImage::BtfImage(BtfImage&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), strings_(other.strings_), types_(std::move(other.types_)) {}

BtfImage::~BtfImage() {
    // munmap takes a pointer to what may be written; nothing is.
    if (!bytes_.empty()) ::munmap(std::bit_cast<void*>(bytes_.data()), bytes_.size());
}

Result<BtfImage> BtfImage::open(const std::string& path) {
    const std::string tried = "read the kernel's types";
    const OwnedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return arm_error(tried, fmt::format("{} cannot be opened", path), {}, errno);
    struct stat facts{};
    if (::fstat(fd.get(), &facts) != 0) return arm_error(tried, path, {}, errno);
    BtfImage image(map_file(fd.get(), static_cast<std::size_t>(facts.st_size)));
    if (image.bytes_.empty()) return arm_error(tried, fmt::format("{} cannot be read", path), {}, errno);
    if (!image.index()) return arm_error(tried, fmt::format("{} is no BTF that stakeout knows", path));
    return image;
}

bool BtfImage::index() {
    btf_header header{};
    if (bytes_.size() < sizeof(header)) return false;
    std::memcpy(&header, bytes_.data(), sizeof(header));
    const std::uint64_t types_end = std::uint64_t{header.hdr_len} + header.type_off + header.type_len;
    const std::uint64_t strings_end = std::uint64_t{header.hdr_len} + header.str_off + header.str_len;
    if (header.magic != BTF_MAGIC || types_end > bytes_.size() || strings_end > bytes_.size() ||
        header.type_off % 4 != 0 || header.hdr_len % 4 != 0 || header.str_len == 0)
        return false;
    strings_ = bytes_.subspan(std::size_t{header.hdr_len} + header.str_off, header.str_len);
    if (strings_.back() != 0) return false;

    static constexpr btf_type nothing{};
    types_.reserve(header.type_len / 24);
    types_.push_back(&nothing);
    const auto all = bytes_.subspan(std::size_t{header.hdr_len} + header.type_off, header.type_len);
    for (std::size_t at = 0; at + sizeof(btf_type) <= all.size();) {
        const auto* type = std::bit_cast<const btf_type*>(all.subspan(at).data());
        const std::ptrdiff_t tail = tail_bytes(*type);
        if (tail < 0 || at + sizeof(btf_type) + static_cast<std::size_t>(tail) > all.size()) return false;
        types_.push_back(type);
        at += sizeof(btf_type) + static_cast<std::size_t>(tail);
    }
    return true;
}

std::string_view BtfImage::text(std::uint32_t offset) const {
    if (offset >= strings_.size()) return {};
    return std::bit_cast<const char*>(strings_.subspan(offset).data());
}

template <class T>
const T* BtfImage::after(std::uint32_t id) const {
    return std::bit_cast<const T*>(types_[id] + 1);
}

std::span<const btf_member> BtfImage::members(std::uint32_t id) const {
    return {after<btf_member>(id), vlen(id)};
}
std::span<const btf_enum> BtfImage::enumerators(std::uint32_t id) const {
    return {after<btf_enum>(id), vlen(id)};
}
std::span<const btf_enum64> BtfImage::enumerators64(std::uint32_t id) const {
    return {after<btf_enum64>(id), vlen(id)};
}
std::span<const btf_param> BtfImage::parameters(std::uint32_t id) const {
    return {after<btf_param>(id), vlen(id)};
}
const btf_array& BtfImage::array(std::uint32_t id) const { return *after<btf_array>(id); }
std::uint32_t BtfImage::integer_encoding(std::uint32_t id) const {
    return BTF_INT_ENCODING(*after<std::uint32_t>(id));
}

std::uint32_t BtfImage::unqualified(std::uint32_t id) const {
    for (std::uint32_t depth = 0; depth < deepest && id < end() && is_modifier(kind(id)); ++depth)
        id = types_[id]->type;
    return id < end() ? id : 0;
}

std::uint32_t BtfImage::bare(std::uint32_t id) const {
    id = unqualified(id);
    for (std::uint32_t depth = 0; depth < deepest && kind(id) == BTF_KIND_TYPEDEF; ++depth)
        id = unqualified(types_[id]->type);
    return id;
}

std::uint64_t BtfImage::size(std::uint32_t id) const {
    std::uint64_t times = 1;
    for (std::uint32_t depth = 0; depth < deepest; ++depth) {
        id = bare(id);
        if (kind(id) == BTF_KIND_PTR) return times * 8;
        if (kind(id) != BTF_KIND_ARRAY) return id == 0 ? 0 : times * types_[id]->size;
        times *= array(id).nelems;
        id = array(id).type;
    }
    return 0;
}

} // namespace stakeout

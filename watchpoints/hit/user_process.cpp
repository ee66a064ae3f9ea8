#include "watchpoints/hit/user_process.h"

#include "watchpoints/target/demangle.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>

namespace stakeout {
namespace {

constexpr std::chrono::seconds between_readings{1};

} // namespace

std::shared_ptr<ElfImage> ImageCache::open(const std::string& path) {
    struct stat file{};
    if (::stat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) return nullptr;
    const Identity identity{.device = file.st_dev,
                            .inode = file.st_ino,
                            .changed_ns = file.st_mtim.tv_sec * 1'000'000'000 + file.st_mtim.tv_nsec};
    if (const auto known = images_.find(identity); known != images_.end())
        if (auto image = known->second.lock()) return image;
    auto opened = ElfImage::open(path);
    if (!opened) return nullptr;
    std::shared_ptr<ElfImage> image = std::move(*opened);
    images_[identity] = image;
    if (images_.size() >= sweep_at_) {
        std::erase_if(images_, [](const auto& item) { return item.second.expired(); });
        sweep_at_ = std::max<std::size_t>(256, 2 * images_.size());
    }
    return image;
}

std::shared_ptr<ElfImage> UserProcess::open_image(const Mapping& mapping, ImageCache& images) const {
    if (mapping.inode == 0 || !mapping.path.starts_with('/')) return nullptr;
    // map_files leads to the very file that is mapped, also when it is deleted or hidden in another mount
    // namespace.
    const std::string exact = fmt::format("/proc/{}/map_files/{:x}-{:x}", pid_, mapping.start, mapping.end);
    if (auto image = images.open(exact)) return image;
    // It takes privileges; the path is what everybody may use. A deleted file's path may hold another one by
    // now.
    return mapping.deleted ? nullptr : images.open(fmt::format("/proc/{}/root{}", pid_, mapping.path));
}

void ImageCache::forget_lines() const {
    for (const auto& [identity, known] : images_)
        if (const auto image = known.lock()) image->forget_lines();
}

bool UserProcess::refresh(ImageCache& images) {
    next_reading_ = std::chrono::steady_clock::now() + between_readings;
    const auto maps = ProcessMaps::read(static_cast<int>(pid_));
    if (!maps || maps->all().empty()) return false; // a zombie has an empty map
    std::vector<Mapped> mapped;
    for (const Mapping& mapping : maps->all()) {
        if (!mapping.executable) continue;
        Mapped entry{.start = mapping.start,
                     .end = mapping.end,
                     .linked_start = 0,
                     .path = mapping.path,
                     .image = nullptr};
        if (auto image = open_image(mapping, images)) {
            if (const auto linked = image->address_of_offset(mapping.offset)) {
                entry.linked_start = *linked;
                entry.image = std::move(image);
            }
        }
        mapped.push_back(std::move(entry));
    }
    if (mapped.empty()) return false;
    mapped_ = std::move(mapped);
    frames_.clear();
    return true;
}

const UserProcess::Mapped* UserProcess::containing(std::uint64_t address) const {
    const auto after = std::upper_bound(mapped_.begin(), mapped_.end(), address,
                                        [](std::uint64_t a, const Mapped& entry) { return a < entry.start; });
    if (after == mapped_.begin() || address >= std::prev(after)->end) return nullptr;
    return &*std::prev(after);
}

const UserProcess::Mapped* UserProcess::containing_or_new(std::uint64_t address, ImageCache& images) {
    const Mapped* found = containing(address);
    if (found == nullptr && known() && std::chrono::steady_clock::now() >= next_reading_ && refresh(images))
        found = containing(address);
    return found;
}

Frame UserProcess::describe(std::uint64_t ip, bool is_return_address, ImageCache& images) {
    Frame frame;
    frame.ip = ip;
    frame.told_as = next_telling();
    const std::uint64_t looked_up = is_return_address && ip != 0 ? ip - 1 : ip;
    const Mapped* mapped = containing_or_new(looked_up, images);
    if (mapped == nullptr) return frame;
    frame.module = mapped->path;
    if (!mapped->image) return frame;
    const std::uint64_t linked = looked_up - mapped->start + mapped->linked_start;
    frame.image_address = linked + (ip - looked_up);
    frame.build_id = mapped->image->build_id();
    if (const auto symbol = mapped->image->containing(linked)) {
        frame.symbol = demangle(symbol->name);
        frame.offset = linked - symbol->address + (ip - looked_up);
    }
    if (auto line = mapped->image->line_of(linked)) {
        frame.file = std::move(line->file);
        frame.line = line->line;
    }
    return frame;
}

const Frame& UserProcess::frame(std::uint64_t ip, bool is_return_address, ImageCache& images) {
    // User addresses never have their top bit set.
    const std::uint64_t key = ip ^ (is_return_address ? 1ULL << 63 : 0);
    if (const auto known = frames_.find(key); known != frames_.end()) return known->second;
    Frame described = describe(ip, is_return_address, images); // may clear frames_
    return frames_.insert_or_assign(key, std::move(described)).first->second;
}

std::optional<std::uint64_t> UserProcess::function_start(std::uint64_t ip, ImageCache& images) {
    const Mapped* mapped = containing_or_new(ip, images);
    if (mapped == nullptr || !mapped->image) return std::nullopt;
    const auto symbol = mapped->image->containing(ip - mapped->start + mapped->linked_start);
    if (!symbol || !symbol->is_text) return std::nullopt;
    return symbol->address - mapped->linked_start + mapped->start;
}

std::size_t UserProcess::read_code(std::uint64_t address, std::span<std::uint8_t> into) const {
    const Mapped* mapped = containing(address);
    if (mapped == nullptr || !mapped->image) return 0;
    const std::size_t within = std::min<std::uint64_t>(into.size(), mapped->end - address);
    return mapped->image->read(address - mapped->start + mapped->linked_start, into.first(within));
}

} // namespace stakeout

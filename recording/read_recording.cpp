#include "recording/read_recording.h"

#include "base/owned_fd.h"
#include "recording/deaf_listener.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ranges>
#include <vector>

namespace stakeout {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{256} << 10U;
constexpr unsigned most_parts = 1000;

struct Part {
    std::string path;
    OwnedFd fd;
};

// What the file's beginning tells; the file is at its beginning again.
struct Beginning {
    std::uint32_t schema = 0; // 0: it is no recording
    std::optional<RecordingFacts> facts;
    bool is_empty = false;
};

Beginning beginning_of(int fd) {
    DeafListener nobody;
    Replay replay(nobody);
    const Replayed& so_far = replay.replayed();
    std::vector<std::byte> chunk(chunk_bytes);
    off_t at = 0;
    while (so_far.schema == 0 && so_far.damage.empty()) {
        const ssize_t got = ::pread(fd, chunk.data(), chunk.size(), at);
        if (got <= 0) break;
        at += got;
        if (!replay.feed(std::span(chunk).first(static_cast<std::size_t>(got)))) break;
    }
    return {so_far.schema, so_far.facts, at == 0};
}

// PATH and the older files beside it, the newest first.
Result<std::vector<Part>> parts_of(const std::string& path) {
    std::vector<Part> parts;
    for (unsigned number = 0; number < most_parts; ++number) {
        std::string name = number == 0 ? path : path + "." + std::to_string(number);
        // Only what was asked for may be something that is waited for.
        OwnedFd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | (number == 0 ? 0 : O_NONBLOCK)));
        if (!fd && number == 0)
            return Error{Failure::Usage, "read " + path, "the file cannot be opened", "", errno};
        if (!fd) break;
        struct stat status{};
        if (number == 0 && ::fstat(fd.get(), &status) == 0 && S_ISDIR(status.st_mode))
            return Error{Failure::Usage, "read " + path, "it is a folder", "name a .stk file", EISDIR};
        const bool has_others = S_ISREG(status.st_mode) || number != 0;
        parts.push_back({std::move(name), std::move(fd)});
        if (!has_others) break;
    }
    return parts;
}

// Drops what is of another recording than the newest part that tells.
void keep_one_recording(std::vector<Part>& parts) {
    std::optional<std::string> recording;
    std::vector<Part> same;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const Beginning beginning = beginning_of(parts[i].fd.get());
        if (!recording && beginning.facts) recording = beginning.facts->recording;
        const bool is_part = beginning.facts && beginning.facts->recording == recording;
        if (i == 0 || is_part) same.push_back(std::move(parts[i]));
    }
    // A file that was begun this very second is empty: its elders are the recording.
    if (same.size() > 1 && beginning_of(same.front().fd.get()).is_empty) same.erase(same.begin());
    parts = std::move(same);
}

Status feed_all(Replay& replay, const Part& part) {
    replay.begin_file(part.path);
    std::vector<std::byte> chunk(chunk_bytes);
    while (true) {
        const ssize_t got = ::read(part.fd.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error{Failure::Usage, "read " + part.path, "reading fails", "", errno};
        if (got == 0) return replay.end();
        if (auto fed = replay.feed(std::span(chunk).first(static_cast<std::size_t>(got))); !fed) return fed;
    }
}

} // namespace

bool is_recording(int fd) { return beginning_of(fd).schema != 0; }

Result<Replayed> read_recording(const std::string& path, WatchListener& listener,
                                const Replay::OnFacts& on_facts) {
    auto parts = parts_of(path);
    if (!parts) return parts.error();
    if (parts->size() > 1) keep_one_recording(*parts);
    Replay replay(listener, on_facts);
    for (const Part& part : std::views::reverse(*parts))
        if (auto read = feed_all(replay, part); !read) return read.error();
    replay.conclude();
    return replay.replayed();
}

} // namespace stakeout

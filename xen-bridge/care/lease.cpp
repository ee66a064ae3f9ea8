#include "xen-bridge/care/lease.h"

#include "base/monotonic_clock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>
#include <span>

namespace stakeout {
namespace {

constexpr const char* folder = "/run/stakeout/xen";

std::string path_of(std::uint32_t domain) { return fmt::format("{}/domain-{}", folder, domain); }

void put(std::span<char> to, std::string_view text) {
    const std::size_t length = std::min(text.size(), to.size() - 1);
    std::copy_n(text.begin(), length, to.begin());
    to[length] = '\0';
}

std::string text_of(std::span<const char> from) {
    return {from.begin(), std::find(from.begin(), from.end(), '\0')};
}

Status make_folder() {
    for (const char* place : {"/run/stakeout", folder})
        if (::mkdir(place, 0700) != 0 && errno != EEXIST)
            return arm_error(fmt::format("make {}", place), "the folder cannot be made", "run as root",
                             errno);
    return done();
}

bool is_locked(int fd) {
    if (::flock(fd, LOCK_SH | LOCK_NB) != 0) return true;
    ::flock(fd, LOCK_UN);
    return false;
}

std::optional<LeaseFacts> facts_in(const std::string& path) {
    const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    UndoList list;
    if (!file || ::pread(file.get(), &list, sizeof list, 0) != sizeof list ||
        list.magic != UndoList::current_magic)
        return std::nullopt;
    LeaseFacts facts;
    facts.domain = list.domain;
    facts.domain_name = text_of(list.domain_name);
    facts.backend = text_of(list.backend);
    facts.target = text_of(list.target);
    facts.bridge_pid = list.bridge_pid;
    facts.started_ns = list.started_ns;
    facts.deadline_ns = list.deadline_ns;
    facts.alive = is_locked(file.get());
    facts.armed = !list.is_empty();
    return facts;
}

Error held_by(std::uint32_t domain) {
    const auto facts = facts_in(path_of(domain));
    const std::string tried = fmt::format("watch domain {}", domain);
    if (!facts || facts->bridge_pid == 0)
        return arm_error(tried, "another stakeout-xen is just starting or ending on it", "try again", EBUSY);
    const double age = static_cast<double>(monotonic_ns() - facts->started_ns) / 1e9;
    return arm_error(tried,
                     fmt::format("stakeout-xen with pid {} watches {} in it by {}, for {:.0f} s now",
                                 facts->bridge_pid, facts->target, facts->backend, age),
                     fmt::format("end that one, or `stakeout-xen release {}`", domain), EBUSY);
}

} // namespace

Result<std::unique_ptr<Lease>> Lease::open(std::uint32_t domain, bool create) {
    const std::string path = path_of(domain);
    const std::string tried = fmt::format("open {}", path);
    OwnedFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600));
    if (!file) return arm_error(tried, "the file cannot be opened", "run as root", errno);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return held_by(domain);
    // Its last owner may have removed the name between our two calls: then the lock is on a file that nobody
    // finds.
    struct stat ours{}, named{};
    if (::fstat(file.get(), &ours) != 0 || ::stat(path.c_str(), &named) != 0 || ours.st_ino != named.st_ino)
        return held_by(domain);
    const bool fresh = ours.st_size != static_cast<off_t>(sizeof(UndoList));
    // With its room: a page that cannot be had later would kill us in the middle of writing it.
    if (const int error = fresh ? ::posix_fallocate(file.get(), 0, sizeof(UndoList)) : 0; error != 0)
        return arm_error(tried, "there is no room in /run", "free some", error);
    void* memory = ::mmap(nullptr, sizeof(UndoList), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (memory == MAP_FAILED) return arm_error(tried, "it cannot be mapped", {}, errno);
    auto* list = static_cast<UndoList*>(memory);
    if (fresh) list = std::construct_at(list);
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    return std::unique_ptr<Lease>(new Lease(std::move(file), list, path));
}

Result<std::unique_ptr<Lease>> Lease::take(const Domain& domain, std::string_view backend,
                                           std::string_view target) {
    if (auto made = make_folder(); !made) return std::move(made).error();
    auto lease = open(domain.id, true);
    if (!lease) return lease;
    UndoList& list = (*lease)->list();
    if (list.magic == UndoList::current_magic && list.uuid == domain.uuid && !list.is_empty())
        return arm_error(fmt::format("watch {}", domain.label()),
                         "a stakeout-xen that was killed, and its guardian with it, left something set in it",
                         fmt::format("take it back with `stakeout-xen release {}`", domain.id), EBUSY);
    list = UndoList();
    list.domain = domain.id;
    list.uuid = domain.uuid;
    list.bridge_pid = ::getpid();
    list.started_ns = monotonic_ns();
    put(list.backend, backend);
    put(list.target, target);
    put(list.domain_name, domain.name);
    list.magic = UndoList::current_magic;
    return lease;
}

Result<std::unique_ptr<Lease>> Lease::take_over(std::uint32_t domain) {
    if (::access(path_of(domain).c_str(), F_OK) != 0) return std::unique_ptr<Lease>();
    return open(domain, false);
}

std::vector<LeaseFacts> Lease::all() {
    std::vector<LeaseFacts> all;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
        if (auto facts = facts_in(entry.path().string())) all.push_back(std::move(*facts));
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.domain < b.domain; });
    return all;
}

std::optional<LeaseFacts> Lease::of(std::uint32_t domain) { return facts_in(path_of(domain)); }

void Lease::name_backend(std::string_view name) { put(list_->backend, name); }

Lease::~Lease() { ::munmap(list_, sizeof *list_); }

void Lease::finish() { ::unlink(path_.c_str()); }

} // namespace stakeout

#include "loader/compiler/cache.h"

#include "base/owned_fd.h"
#include "base/text_file.h"
#include "base/write_all.h"
#include "loader/compiler/cache_entry.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <span>

namespace stakeout {
namespace {

constexpr off_t most_bytes = 16 << 20; // an entry is some 30 KiB
constexpr std::string_view suffix = ".script";
constexpr std::string_view unfinished = ".unfinished";
constexpr time_t unfinished_for = 3600; // seconds after which a file that nobody finished is litter

// The linker's hash over this binary (GNU build id), empty if it has none.
std::string own_build_id() {
    std::string id;
    const auto look = [](dl_phdr_info* object, std::size_t, void* result) {
        for (const ElfW(Phdr) & part : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
            if (part.p_type != PT_NOTE) continue;
            const char* at = nullptr;
            const std::uintptr_t start = object->dlpi_addr + part.p_vaddr;
            std::memcpy(&at, &start, sizeof(at));
            for (std::span<const char> notes(at, part.p_memsz); notes.size() >= sizeof(ElfW(Nhdr));) {
                ElfW(Nhdr) note{};
                std::memcpy(&note, notes.data(), sizeof(note));
                const std::size_t name = (note.n_namesz + 3U) & ~3U;
                const std::size_t whole = sizeof(note) + name + ((note.n_descsz + 3U) & ~3U);
                if (whole > notes.size()) break;
                if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4)
                    static_cast<std::string*>(result)->assign(notes.subspan(sizeof(note) + name).data(),
                                                              note.n_descsz);
                notes = notes.subspan(whole);
            }
        }
        return 1; // the first object is the program; no further ones
    };
    ::dl_iterate_phdr(look, &id);
    return id;
}

// Hashing the 5 MB of the kernel's BTF would take longer than some compilations. They are a part of the
// kernel's image, and the linker's hash over that is in its notes; should a kernel be linked without, its
// version tells when and by whom it was built.
std::string running_kernel() {
    utsname names{};
    auto notes = read_text_file("/sys/kernel/notes");
    if (!notes || ::uname(&names) != 0) return {};
    return fmt::format("{}\n{}\n{}\n", names.release, names.version, *notes);
}

bool roots_alone(const struct stat& facts) {
    return facts.st_uid == 0 && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::string entry_name(const std::string& key) { return key + std::string(suffix); }

// The folder, or a reason (empty: there is none).
struct Folder {
    OwnedFd fd;
    std::string objection;
};
Folder open_folder(const std::string& path) {
    OwnedFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        struct stat there{};
        if (::lstat(path.c_str(), &there) == 0 && !S_ISDIR(there.st_mode))
            return {OwnedFd(), "it is no folder"};
        return {};
    }
    struct stat facts{};
    if (::fstat(fd.get(), &facts) != 0) return {};
    if (!roots_alone(facts)) return {OwnedFd(), "it is not root's alone"};
    return {std::move(fd), {}};
}

std::string folder_notice(const std::string& path, const std::string& objection) {
    return fmt::format("the cache {} is not used: {}; remove it, and stakeout makes its own", path,
                       objection);
}

bool read_all(int fd, std::size_t bytes, std::string& text) {
    text.resize(bytes);
    for (std::size_t at = 0; at < bytes;) {
        const ssize_t got = ::read(fd, text.data() + at, bytes - at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += static_cast<std::size_t>(got);
    }
    return true;
}

// Keeps the number of entries, and removes what a process that was killed left half-written.
void tidy(int folder) {
    struct Entry {
        timespec used{};
        std::string name;
    };
    std::vector<Entry> entries;
    const int listed = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listed < 0) return;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(listed), ::closedir);
    if (!listing) {
        ::close(listed);
        return;
    }
    while (const dirent* one = ::readdir(listing.get())) {
        const std::string name = one->d_name;
        struct stat facts{};
        if (::fstatat(folder, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (name.ends_with(suffix))
            entries.push_back({facts.st_mtim, name});
        else if (name.ends_with(unfinished) && facts.st_mtim.tv_sec + unfinished_for < std::time(nullptr))
            ::unlinkat(folder, name.c_str(), 0);
    }
    if (entries.size() <= ScriptCache::most_entries) return;
    std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
        return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec);
    });
    entries.resize(entries.size() - ScriptCache::most_entries);
    for (const Entry& old : entries) ::unlinkat(folder, old.name.c_str(), 0);
}

} // namespace

std::optional<std::string> cache_key(const ScriptSource& source, const CompileOptions& options) {
    const std::string binary = own_build_id();
    const std::string kernel = running_kernel();
    if (binary.empty() || kernel.empty()) return std::nullopt;
    return fingerprint(fmt::format("{}\n{}{}\n{}", fingerprint(binary), kernel,
                                   options.portable ? "portable" : "for this kernel", source.text));
}

std::optional<CompiledScript> ScriptCache::lookup(const std::string& key,
                                                  std::vector<std::string>& notices) const {
    const Folder folder = open_folder(folder_);
    if (!folder.objection.empty()) notices.push_back(folder_notice(folder_, folder.objection));
    if (!folder.fd) return std::nullopt;

    const auto pass_over = [&](const char* why) {
        notices.push_back(fmt::format("the cached {}/{} is passed over: {}", folder_, entry_name(key), why));
        return std::nullopt;
    };
    // Not to wait at a pipe that somebody put there.
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const OwnedFd fd(::openat(folder.fd.get(), entry_name(key).c_str(), flags));
    if (!fd) {
        if (errno == ELOOP) return pass_over("it is a symbolic link");
        return std::nullopt;
    }
    struct stat facts{};
    if (::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return pass_over("it is no file");
    if (!roots_alone(facts)) return pass_over("it is not root's alone");
    std::string bytes;
    if (facts.st_size > most_bytes || !read_all(fd.get(), static_cast<std::size_t>(facts.st_size), bytes))
        return pass_over("it cannot be read");
    auto script = decode_entry(key, bytes);
    if (!script) return pass_over("it is damaged, or of another script");
    ::futimens(fd.get(), nullptr); // used now
    return script;
}

void ScriptCache::store(const std::string& key, const CompiledScript& script) const {
    if (script.read_local_files || script.refused()) return;
    if (::mkdir(folder_.c_str(), S_IRWXU) != 0 && errno != EEXIST) return;
    const Folder folder = open_folder(folder_);
    if (!folder.fd) return;

    const std::string temporary = fmt::format("{}.{}{}", key, ::getpid(), unfinished);
    bool written = false;
    {
        const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        const OwnedFd fd(::openat(folder.fd.get(), temporary.c_str(), flags, S_IRUSR | S_IWUSR));
        if (!fd) return;
        written = write_all(fd.get(), encode_entry(key, script));
    }
    // No fsync: an entry that a power cut tore is known by its checksum.
    if (!written ||
        ::renameat(folder.fd.get(), temporary.c_str(), folder.fd.get(), entry_name(key).c_str()) != 0) {
        ::unlinkat(folder.fd.get(), temporary.c_str(), 0);
        return;
    }
    tidy(folder.fd.get());
}

Result<RecalledScript> recall_or_compile(const ScriptSource& source, const CompileOptions& options,
                                         const ScriptCache& cache, std::vector<std::string>& notices) {
    const auto key = cache_key(source, options);
    if (key)
        if (auto kept = cache.lookup(*key, notices)) return RecalledScript{std::move(*kept), true};
    auto compiled = compile_script(source, options);
    if (!compiled) return std::move(compiled).error();
    if (key) cache.store(*key, *compiled);
    return RecalledScript{std::move(*compiled), false};
}

} // namespace stakeout

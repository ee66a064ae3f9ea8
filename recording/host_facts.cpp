#include "recording/facts.h"

#include "base/owned_fd.h"
#include "base/text_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <charconv>
#include <cstring>
#include <vector>

namespace stakeout {
namespace {

// The bytes of an ELF note of type NT_GNU_BUILD_ID, from a file that holds notes one after the other.
BuildId build_id_in_notes(const std::string& path) {
    const auto notes = read_text_file(path);
    if (!notes) return {};
    constexpr std::uint32_t nt_gnu_build_id = 3;
    const auto padded = [](std::size_t size) { return (size + 3) / 4 * 4; };
    std::string_view rest = *notes;
    std::array<std::uint32_t, 3> head{}; // name's size, contents' size, type
    while (rest.size() >= sizeof head) {
        std::memcpy(head.data(), rest.data(), sizeof head);
        rest.remove_prefix(sizeof head);
        const std::size_t name = padded(head[0]);
        if (name > rest.size() || head[1] > rest.size() - name) return {};
        if (head[2] == nt_gnu_build_id && rest.substr(0, 4) == std::string_view("GNU\0", 4)) {
            std::vector<std::uint8_t> bytes(head[1]);
            std::memcpy(bytes.data(), rest.data() + name, bytes.size());
            return BuildId(bytes);
        }
        rest.remove_prefix(std::min(rest.size(), name + padded(head[1])));
    }
    return {};
}

// /proc/kallsyms begins with per-CPU offsets, and soon comes to the kernel's first byte; reading all of it
// would take longer than arming.
std::uint64_t kernel_text() {
    const OwnedFd fd(::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC));
    if (!fd) return 0;
    std::string text(std::size_t{64} << 10U, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
        if (got <= 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    const std::size_t end = text.find(" T _text\n");
    if (end == std::string::npos) return 0;
    const std::size_t before = text.rfind('\n', end);
    const std::size_t start = before == std::string::npos ? 0 : before + 1;
    std::uint64_t address = 0;
    (void)std::from_chars(text.data() + start, text.data() + end, address, 16);
    return address;
}

} // namespace

HostFacts read_host_facts() {
    HostFacts facts;
    utsname names{};
    if (::uname(&names) == 0) {
        facts.host = names.nodename;
        facts.kernel_release = names.release;
        facts.kernel_version = names.version;
        facts.machine = names.machine;
    }
    facts.cpus = static_cast<std::uint32_t>(std::max(0L, ::sysconf(_SC_NPROCESSORS_ONLN)));
    facts.kernel_build_id = build_id_in_notes("/sys/kernel/notes").hex();
    if (const auto btf = read_text_file("/sys/kernel/btf/vmlinux")) {
        facts.kernel_btf_size = btf->size();
        facts.kernel_btf_xxh64 = XXH64(btf->data(), btf->size(), 0);
    }
    facts.kernel_text = kernel_text();
    return facts;
}

RecordingFacts new_recording(std::string_view stakeout_version, std::string_view watch_name) {
    RecordingFacts facts;
    facts.stakeout_version = stakeout_version;
    facts.watch_name = watch_name;
    facts.host = read_host_facts();
    std::array<std::uint64_t, 2> identity{};
    if (::getrandom(identity.data(), sizeof identity, 0) != sizeof identity) identity = {};
    facts.recording = fmt::format("{:016x}{:016x}", identity[0], identity[1]);
    return facts;
}

std::optional<KernelModuleFacts> read_kernel_module(std::string_view name) {
    const auto modules = read_text_file("/proc/modules");
    if (!modules) return std::nullopt;
    // "ext4 983040 1 - Live 0xffffffffc0800000"
    std::string_view rest = *modules;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (!line.starts_with(name) || line.substr(name.size(), 1) != " ") continue;
        KernelModuleFacts facts;
        facts.name = name;
        (void)std::from_chars(line.data() + name.size() + 1, line.data() + line.size(), facts.size);
        if (const std::size_t at = line.rfind("0x"); at != std::string_view::npos)
            (void)std::from_chars(line.data() + at + 2, line.data() + line.size(), facts.start, 16);
        facts.build_id = build_id_in_notes(fmt::format("/sys/module/{}/notes/.note.gnu.build-id", name));
        return facts;
    }
    return std::nullopt;
}

} // namespace stakeout

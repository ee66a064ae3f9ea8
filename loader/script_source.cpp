#include "loader/script_source.h"

#include "base/owned_fd.h"
#include "loader/compiler/cache.h"
#include "loader/verifier_log.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace stakeout {
namespace {

constexpr std::size_t most_bytes = 8 << 20;

} // namespace

bool is_object(const std::vector<char>& bytes) {
    return bytes.size() > 4 && std::string_view(bytes.data(), 4) == "\x7f"
                                                                    "ELF";
}

Result<std::vector<char>> read_script_file(const std::string& path) {
    const std::string tried = fmt::format("read the script {}", path);
    const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        Error error = usage_error(tried, "it cannot be opened");
        error.errno_value = errno;
        return error;
    }
    std::vector<char> bytes;
    std::array<char, 65536> chunk{};
    for (;;) {
        const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            Error error = usage_error(tried, "reading it failed");
            error.errno_value = errno;
            return error;
        }
        if (got == 0) break;
        bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + got);
        if (bytes.size() > most_bytes) return usage_error(tried, "it has more than 8 MiB");
    }
    if (bytes.empty()) return usage_error(tried, "it is empty");
    return bytes;
}

Status is_text(const std::string& path, const std::vector<char>& bytes) {
    if (std::string_view(bytes.data(), bytes.size()).find('\0') == std::string_view::npos) return done();
    return usage_error(fmt::format("read the script {}", path), "it is neither C source nor a BPF object");
}

Error refused_script(const std::string& name, const std::string& text, const std::vector<Finding>& findings) {
    std::string cause = "it would not be safe, or the kernel would refuse it:";
    for (const Finding& finding : findings) {
        if (finding.severity != Finding::Severity::Error) continue;
        cause += finding.line > 0 ? fmt::format("\n  {}:{}: {} [{}]\n    {}", name, finding.line,
                                                finding.text, finding.rule, line_of_text(text, finding.line))
                                  : fmt::format("\n  {}: {} [{}]", name, finding.text, finding.rule);
        if (!finding.instead.empty()) cause += fmt::format("\n    instead: {}", finding.instead);
    }
    return arm_error(fmt::format("use the script {}", name), cause);
}

Result<ReadyScript> read_script(const std::string& path, std::vector<std::string>& notices) {
    auto bytes = read_script_file(path);
    if (!bytes) return std::move(bytes).error();
    ReadyScript ready;
    if (is_object(*bytes)) {
        ready.object = std::move(*bytes);
        return ready;
    }
    if (auto text = is_text(path, *bytes); !text) return std::move(text).error();
    ready.text.assign(bytes->begin(), bytes->end());
    auto recalled = recall_or_compile({path, ready.text}, {}, ScriptCache(), notices);
    if (!recalled) return std::move(recalled).error();
    CompiledScript& compiled = recalled->script;
    if (!compiled.warnings.empty()) notices.push_back(compiled.warnings);
    if (compiled.refused()) return refused_script(path, ready.text, compiled.findings);
    ready.object = std::move(compiled.object);
    ready.findings = std::move(compiled.findings);
    return ready;
}

} // namespace stakeout

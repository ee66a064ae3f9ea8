#include "loader/compiler/cache_entry.h"

#include <llvm/ADT/ArrayRef.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/Support/SHA256.h>

#include <cstdint>
#include <cstring>

namespace stakeout {
namespace {

constexpr std::string_view magic = "stakeout script 1\n";

class Writer {
  public:
    void number(std::uint64_t value) {
        char bytes[sizeof(value)];
        std::memcpy(bytes, &value, sizeof(value));
        text_.append(bytes, sizeof(bytes));
    }
    void bytes(std::string_view value) {
        number(value.size());
        text_ += value;
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

  private:
    std::string text_;
};

class Reader {
  public:
    explicit Reader(std::string_view text) : rest_(text) {}

    std::uint64_t number() {
        std::uint64_t value = 0;
        if (rest_.size() < sizeof(value)) return fail();
        std::memcpy(&value, rest_.data(), sizeof(value));
        rest_.remove_prefix(sizeof(value));
        return value;
    }
    std::string_view bytes() {
        const std::uint64_t size = number();
        if (size > rest_.size()) return fail(), std::string_view();
        const std::string_view value = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return value;
    }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] bool at_end() const { return !failed_ && rest_.empty(); }

  private:
    std::uint64_t fail() {
        failed_ = true;
        rest_ = {};
        return 0;
    }
    std::string_view rest_;
    bool failed_ = false;
};

} // namespace

std::string fingerprint(std::string_view bytes) {
    llvm::SHA256 hash;
    hash.update(llvm::StringRef(bytes.data(), bytes.size()));
    return llvm::toHex(hash.final(), true);
}

std::string encode_entry(const std::string& key, const CompiledScript& script) {
    Writer content;
    content.bytes(key);
    content.bytes({script.object.data(), script.object.size()});
    content.bytes(script.warnings);
    content.number(script.findings.size());
    for (const Finding& finding : script.findings) {
        content.number(finding.severity == Finding::Severity::Error ? 1 : 0);
        content.number(static_cast<std::uint64_t>(finding.line));
        content.bytes(finding.rule);
        content.bytes(finding.text);
        content.bytes(finding.instead);
    }
    const std::string text = content.take();
    return std::string(magic) + fingerprint(text) + text;
}

std::optional<CompiledScript> decode_entry(const std::string& key, std::string_view bytes) {
    constexpr std::size_t fingerprint_bytes = 64;
    if (!bytes.starts_with(magic) || bytes.size() < magic.size() + fingerprint_bytes) return std::nullopt;
    bytes.remove_prefix(magic.size());
    const std::string_view expected = bytes.substr(0, fingerprint_bytes);
    bytes.remove_prefix(fingerprint_bytes);
    if (fingerprint(bytes) != expected) return std::nullopt;

    Reader content(bytes);
    if (content.bytes() != key) return std::nullopt;
    CompiledScript script;
    const std::string_view object = content.bytes();
    script.object.assign(object.begin(), object.end());
    script.warnings = content.bytes();
    for (std::uint64_t left = content.number(); left != 0 && !content.failed(); --left) {
        Finding& finding = script.findings.emplace_back();
        finding.severity = content.number() == 1 ? Finding::Severity::Error : Finding::Severity::Hint;
        finding.line = static_cast<int>(content.number());
        finding.rule = content.bytes();
        finding.text = content.bytes();
        finding.instead = content.bytes();
    }
    if (!content.at_end()) return std::nullopt;
    return script;
}

} // namespace stakeout

#include "scripts/refcount/reference_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace stakeout {
namespace {

constexpr std::size_t frames_in_key = 8;

// Words of a name: "sk_refcnt_debug_inc" has sk, refcnt, debug, inc; "addRef" add, ref; "operator++" none.
std::vector<std::string> words_of(std::string_view name) {
    std::vector<std::string> words(1);
    for (const char c : name) {
        const bool is_letter = std::isalnum(static_cast<unsigned char>(c)) != 0;
        const bool begins = std::isupper(static_cast<unsigned char>(c)) != 0;
        if ((!is_letter || begins) && !words.back().empty()) words.emplace_back();
        if (is_letter) words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return words;
}

constexpr std::array<std::string_view, 30> helper_words{
    "get",  "put",    "ref",    "unref",    "addref", "hold",   "grab",     "retain", "tryget", "inc",
    "dec",  "incref", "decref", "refcount", "kref",   "atomic", "atomic64", "refcnt", "dget",   "dput",
    "iget", "iput",   "igrab",  "fget",     "fput",   "mntget", "mntput",   "drop",   "unhold", "cmpxchg",
};
// Of helpers that only some callers have: what they do is decided in them.
constexpr std::array<std::string_view, 4> no_helpers{"get_user", "put_user", "get_option", "put_back"};

bool is_runtime(const Frame& frame) {
    const std::string_view file = std::string_view(frame.module).substr(frame.module.rfind('/') + 1);
    return file.starts_with("libc.so") || file.starts_with("libstdc++.so") || file.starts_with("ld-linux");
}

std::string key_of(const Frame& frame) {
    return frame.symbol.empty() ? fmt::format("{}+{:#x}", frame.module, frame.ip)
                                : frame.module + ":" + frame.symbol;
}

} // namespace

// The last or the first word tells: session_get, get_session, kref_put_mutex. A longer name with the word
// inside, as in "handle_get_request", is a decider.
bool is_reference_helper(std::string_view function) {
    function = function.substr(0, function.find('('));
    if (function.find("_M_add_ref") != std::string_view::npos ||
        function.find("_M_release") != std::string_view::npos || function.starts_with("std::"))
        return true;
    if (const std::size_t scope = function.rfind("::"); scope != std::string_view::npos)
        function.remove_prefix(scope + 2);
    for (const std::string_view exception : no_helpers)
        if (function.starts_with(exception)) return false;
    const std::vector<std::string> words = words_of(function.substr(0, function.find('.')));
    const auto is_one = [](const std::string& word) {
        return std::find(helper_words.begin(), helper_words.end(), word) != helper_words.end();
    };
    if (words.empty() || words.size() > 4)
        return std::any_of(words.begin(), words.end(), [](const std::string& word) {
            return word == "refcount" || word == "kref" || word == "atomic";
        });
    return is_one(words.front()) || is_one(words.back()) || words.front() == "refcount" ||
           words.front() == "kref";
}

ReferencePath reference_path(const Hit& hit) {
    std::vector<const Frame*> frames;
    frames.reserve(hit.kernel_stack.size() + hit.user_stack.size());
    for (const Frame& frame : hit.kernel_stack) frames.push_back(&frame);
    for (const Frame& frame : hit.user_stack) frames.push_back(&frame);
    ReferencePath path;
    if (frames.empty()) {
        path.decider.ip = hit.ip;
        path.key = path.stack = fmt::format("{:#x}", hit.ip);
        return path;
    }
    auto decider = std::find_if(frames.begin(), frames.end(), [](const Frame* frame) {
        return !is_reference_helper(frame->symbol) && !is_runtime(*frame);
    });
    if (decider == frames.end()) decider = frames.begin();
    path.decider = **decider;
    path.key = key_of(path.decider);
    for (auto frame = decider;
         frame != frames.end() && frame - decider < static_cast<std::ptrdiff_t>(frames_in_key); ++frame)
        path.stack += fmt::format("{}+{:#x};", key_of(**frame), (*frame)->offset);
    return path;
}

} // namespace stakeout

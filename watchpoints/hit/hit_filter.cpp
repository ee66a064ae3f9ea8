#include "watchpoints/hit/hit_filter.h"

#include "loader/predicate/when_value.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace stakeout {

struct HitFilter::State {
    std::unique_ptr<RE2> comm;
    std::unique_ptr<RE2> stack;
    std::shared_ptr<const WhenExpression> when;
};

HitFilter::HitFilter() : state_(std::make_unique<State>()) {}
HitFilter::~HitFilter() = default;

namespace {

Result<std::unique_ptr<RE2>> compile(const char* option, const std::string& text) {
    RE2::Options options;
    options.set_log_errors(false);
    auto expression = std::make_unique<RE2>(text, options);
    if (!expression->ok())
        return usage_error(fmt::format("use {} '{}'", option, text),
                           fmt::format("it is no regular expression: {}", expression->error()));
    return expression;
}

WhenAccess access_of(Access access) {
    switch (access) {
    case Access::Read:
        return WhenAccess::Read;
    case Access::Write:
        return WhenAccess::Write;
    case Access::Execute:
        return WhenAccess::Execute;
    case Access::Unknown:
        break;
    }
    return WhenAccess::Unknown;
}

// The first eight bytes as a number, as struct hit has them (bpf/stakeout.h).
std::uint64_t number_of(const std::array<std::uint8_t, SO_REGION_BYTES>& bytes, std::uint32_t width) {
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), std::min<std::size_t>(width, sizeof(number)));
    return number;
}

void copy_value(const std::optional<Value>& value, std::array<std::uint8_t, SO_REGION_BYTES>& into) {
    if (value) std::copy_n(value->bytes.begin(), std::min(value->bytes.size(), into.size()), into.begin());
}

WhenValues values_of(const Hit& hit) {
    WhenValues values;
    values.target = hit.target_index;
    values.width = hit.width;
    copy_value(hit.old_value, values.old_bytes);
    copy_value(hit.new_value, values.new_bytes);
    values.unreadable = !hit.new_value;
    const std::uint32_t unused_bits = hit.width >= 8 || hit.width == 0 ? 0 : 64 - 8 * hit.width;
    const std::uint64_t difference =
        number_of(values.new_bytes, hit.width) - number_of(values.old_bytes, hit.width);
    values.delta = static_cast<std::int64_t>(difference << unused_bits) >> unused_bits;
    values.pid = hit.pid;
    values.tid = hit.tid;
    values.cpu = hit.cpu;
    values.ip = hit.ip;
    values.hits = hit.seq;
    values.comm = hit.comm;
    values.access = access_of(hit.access);
    return values;
}

bool any_frame(const std::vector<Frame>& stack, const RE2& expression) {
    return std::any_of(stack.begin(), stack.end(), [&](const Frame& frame) {
        return !frame.symbol.empty() && RE2::PartialMatch(frame.symbol, expression);
    });
}

} // namespace

Result<std::shared_ptr<const HitFilter>> HitFilter::make(Rules rules) {
    std::shared_ptr<HitFilter> filter(new HitFilter()); // NOLINT(cppcoreguidelines-owning-memory)
    if (!rules.comm.empty()) {
        auto compiled = compile("--comm-match", rules.comm);
        if (!compiled) return std::move(compiled).error();
        filter->state_->comm = std::move(*compiled);
    }
    if (!rules.stack.empty()) {
        auto compiled = compile("--stack-match", rules.stack);
        if (!compiled) return std::move(compiled).error();
        filter->state_->stack = std::move(*compiled);
    }
    filter->state_->when = std::move(rules.when);
    return std::shared_ptr<const HitFilter>(std::move(filter));
}

std::optional<HitFilter::Drop> HitFilter::drops(const Hit& hit) const {
    if (state_->comm && !RE2::PartialMatch(hit.comm, *state_->comm)) return Drop::Comm;
    if (state_->stack && !any_frame(hit.kernel_stack, *state_->stack) &&
        !any_frame(hit.user_stack, *state_->stack))
        return Drop::Stack;
    // What cannot be judged is shown.
    if (state_->when && !evaluate(*state_->when, values_of(hit)).value_or(true)) return Drop::When;
    return std::nullopt;
}

std::optional<std::vector<CommPattern>> exact_comm_patterns(std::string_view expression) {
    if (!expression.starts_with('^')) return std::nullopt;
    expression.remove_prefix(1);
    const bool is_prefix = !expression.ends_with('$');
    if (!is_prefix) expression.remove_suffix(1);
    if (expression.starts_with('(') && expression.ends_with(')'))
        expression = expression.substr(1, expression.size() - 2);
    else if (expression.find('|') != std::string_view::npos)
        return std::nullopt; // the anchors belong to single alternatives
    std::vector<CommPattern> patterns(1, {"", is_prefix});
    for (const char c : expression) {
        if (c == '|')
            patterns.push_back({"", is_prefix});
        else if (std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("_-/: @%,", c) != nullptr)
            patterns.back().text += c;
        else
            return std::nullopt;
    }
    constexpr std::size_t most = 16; // each costs the exception some nanoseconds
    if (patterns.size() > most) return std::nullopt;
    for (const CommPattern& pattern : patterns)
        if (pattern.text.size() >= SO_COMM_BYTES) return std::nullopt;
    return patterns;
}

} // namespace stakeout

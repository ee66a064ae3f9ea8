#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

#include "loader/predicate/predicate_code.h"

#include "loader/predicate/address_set.h"
#include "loader/predicate/bpf_assembler.h"
#include "loader/predicate/when_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace stakeout {
namespace {

using Label = BpfAssembler::Label;
constexpr auto r0 = BpfRegister::R0, r1 = BpfRegister::R1, r2 = BpfRegister::R2, r3 = BpfRegister::R3,
               context = BpfRegister::R6, hit = BpfRegister::R7, r8 = BpfRegister::R8, r9 = BpfRegister::R9,
               stack = BpfRegister::R10;

std::optional<AddressSet> allowed_addresses(const PredicateRequest& request) {
    const auto set_of = [](const std::vector<CodeRange>& ranges) {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs;
        pairs.reserve(ranges.size());
        for (const CodeRange& range : ranges) pairs.emplace_back(range.start, range.end);
        return AddressSet::of(std::move(pairs));
    };
    const AddressSet only = request.only_from.empty() ? AddressSet::everything() : set_of(request.only_from);
    AddressSet allowed = only.without(set_of(request.not_from));
    return allowed.is_everything() ? std::nullopt : std::optional(std::move(allowed));
}

class Program {
  public:
    Program(const PredicateRequest& request, PredicateEnd end) : request_(request), end_(end) {}

    std::optional<std::vector<bpf_insn>> write(const std::optional<AddressSet>& allowed) {
        find_hit();
        if (request_.changed) test_changed();
        if (allowed) test_from(*allowed);
        if (!request_.comm.empty()) test_comm();
        if (request_.when != nullptr) test_when();
        endings();
        return std::move(code_).finish();
    }

  private:
    // R6 = the program's context, R7 = the hit.
    void find_hit() {
        code_.compute(BPF_MOV, true, context, r1);
        constexpr std::int16_t key = -8;
        code_.store(4, stack, key, 0);
        code_.compute(BPF_MOV, true, r2, stack);
        code_.compute(BPF_ADD, true, r2, key);
        code_.set_map(r1, request_.hit_map_fd);
        code_.call(BPF_FUNC_map_lookup_elem);
        code_.jump_if(BPF_JEQ, true, r0, 0, passed_);
        code_.compute(BPF_MOV, true, hit, r0);
    }

    // One piece of code for each target, where they differ. Hits of targets that are none of these go on
    // behind it.
    template <class Emit>
    void for_each_target(std::size_t targets, Emit emit) {
        if (targets == 1) return emit(0);
        const Label end = code_.label();
        code_.load(4, r1, hit, offsetof(struct hit, target));
        for (std::size_t target = 0; target < targets; ++target) {
            const Label next = code_.label();
            code_.jump_if(BPF_JNE, false, r1, static_cast<std::int32_t>(target), next);
            emit(target);
            code_.jump(end);
            code_.bind(next);
        }
        code_.bind(end);
    }

    // Memory that could not be read is not known to be as before.
    void test_changed() {
        const Label is_changed = code_.label();
        code_.load(1, r1, hit, offsetof(struct hit, unreadable));
        code_.jump_if(BPF_JNE, false, r1, 0, is_changed);
        const auto& targets = request_.targets;
        const bool all_the_same =
            std::all_of(targets.begin(), targets.end(),
                        [&](const PredicateTarget& target) { return target.width == targets.front().width; });
        for_each_target(all_the_same ? 1 : targets.size(), [&](std::size_t target) {
            const std::uint32_t width = targets[target].width;
            std::uint32_t step = 0;
            for (std::uint32_t at = 0; at < width; at += step) {
                step = 8;
                while (step > width - at) step /= 2;
                code_.load(step, r8, hit, offsetof(struct hit, old_bytes) + at);
                code_.load(step, r9, hit, offsetof(struct hit, new_bytes) + at);
                if (at + step < width)
                    code_.jump_if(BPF_JNE, true, r8, r9, is_changed);
                else
                    code_.jump_if(BPF_JEQ, true, r8, r9, not_changed_);
            }
        });
        code_.bind(is_changed);
    }

    void test_from(const AddressSet& allowed) {
        const Label inside = code_.label();
        code_.load(8, r8, hit, offsetof(struct hit, ip));
        // No address is below 0.
        const std::span<const std::uint64_t> borders(allowed.borders());
        const bool begins_inside = borders.front() == 0;
        search(borders.subspan(begins_inside ? 1 : 0), begins_inside, inside);
        code_.bind(inside);
    }

    // Binary search: R8 lies behind none, some or all of these borders.
    void search(std::span<const std::uint64_t> borders, bool is_inside, Label inside) {
        if (borders.empty()) return code_.jump(is_inside ? inside : not_from_);
        const std::size_t middle = borders.size() / 2;
        const auto behind = borders.subspan(middle + 1);
        const bool inside_behind = is_inside == (middle % 2 == 1);
        if (behind.empty()) {
            code_.jump_if_number(BPF_JGE, r8, borders[middle], r9, inside_behind ? inside : not_from_);
            return search(borders.first(middle), is_inside, inside);
        }
        const Label is_behind = code_.label();
        code_.jump_if_number(BPF_JGE, r8, borders[middle], r9, is_behind);
        search(borders.first(middle), is_inside, inside);
        code_.bind(is_behind);
        search(behind, inside_behind, inside);
    }

    void test_comm() {
        // An empty prefix matches every name.
        const auto matches_all = [](const CommPattern& one) { return one.is_prefix && one.text.empty(); };
        if (std::any_of(request_.comm.begin(), request_.comm.end(), matches_all)) return;
        const Label matches = code_.label();
        for (const CommPattern& pattern : request_.comm) {
            // The bytes that count, and which they are; comm is padded with zeros.
            const std::size_t length = pattern.is_prefix ? pattern.text.size() : std::size_t{SO_COMM_BYTES};
            std::array<char, SO_COMM_BYTES> text{}, mask{};
            std::memcpy(text.data(), pattern.text.data(), pattern.text.size());
            std::memset(mask.data(), 0xFF, length);
            std::array<std::uint64_t, 2> words{}, masks{};
            std::memcpy(words.data(), text.data(), sizeof(words));
            std::memcpy(masks.data(), mask.data(), sizeof(masks));
            const Label next = code_.label();
            for (std::size_t word = 0; word < 2; ++word) {
                if (masks[word] == 0) continue;
                code_.load(8, r8, hit, offsetof(struct hit, comm) + word * 8);
                if (masks[word] != ~std::uint64_t{0}) {
                    code_.set(r9, masks[word]);
                    code_.compute(BPF_AND, true, r8, r9);
                }
                code_.jump_if_number(BPF_JNE, r8, words[word], r9, next);
            }
            code_.jump(matches);
            code_.bind(next);
        }
        code_.jump(not_comm_);
        code_.bind(matches);
    }

    void test_when() {
        for_each_target(request_.when->targets(), [&](std::size_t target) {
            emit_when(code_, request_.when->tree(target), not_when_, cannot_judge_);
        });
    }

    void endings() {
        code_.bind(passed_);
        if (end_ == PredicateEnd::TailCall) {
            code_.bind(cannot_judge_);
            tail_call(request_.passed_stage);
        } else {
            leave(PredicateKeeps);
            if (code_.is_used(cannot_judge_)) {
                code_.bind(cannot_judge_);
                leave(PredicateCannotJudge);
            }
        }
        const Label dropped = code_.label();
        for (const auto& [place, reason] :
             {std::pair{not_changed_, SO_DROP_CHANGED}, std::pair{not_from_, SO_DROP_FROM},
              std::pair{not_comm_, SO_DROP_COMM}, std::pair{not_when_, SO_DROP_WHEN}}) {
            if (!code_.is_used(place)) continue;
            code_.bind(place);
            code_.store(4, hit, offsetof(struct hit, asked.reason), reason);
            code_.jump(dropped);
        }
        if (!code_.is_used(dropped)) return;
        code_.bind(dropped);
        code_.store(4, hit, offsetof(struct hit, asked.verdict), drop);
        if (end_ == PredicateEnd::TailCall)
            tail_call(request_.dropped_stage);
        else
            leave(PredicateDrops);
    }

    // Does not come back, unless the stage is missing.
    void tail_call(int stage) {
        code_.compute(BPF_MOV, true, r1, context);
        code_.set_map(r2, request_.stages_fd);
        code_.compute(BPF_MOV, true, r3, stage);
        code_.call(BPF_FUNC_tail_call);
        leave(0);
    }
    void leave(std::uint32_t result) {
        code_.set(r0, result);
        code_.exit();
    }

    BpfAssembler code_;
    const PredicateRequest& request_;
    PredicateEnd end_;
    Label passed_ = code_.label(), cannot_judge_ = code_.label(), not_changed_ = code_.label(),
          not_from_ = code_.label(), not_comm_ = code_.label(), not_when_ = code_.label();
};

// What the caller must have seen to.
std::optional<Error> misuse(const PredicateRequest& request) {
    const bool wide =
        std::any_of(request.targets.begin(), request.targets.end(),
                    [](const PredicateTarget& target) { return target.width > SO_REGION_BYTES; });
    const bool unbound = request.when != nullptr && request.when->targets() != request.targets.size();
    if (!request.targets.empty() && !wide && !unbound) return std::nullopt;
    return internal_error("test hits in the kernel", "the tests were made for other targets");
}

std::optional<Error> check_patterns(const std::vector<CommPattern>& patterns) {
    for (const CommPattern& pattern : patterns) {
        if (pattern.text.size() < SO_COMM_BYTES) continue;
        return usage_error("test the names of tasks",
                           fmt::format("'{}' has {} characters, and the kernel keeps {}: it never matches",
                                       pattern.text, pattern.text.size(), SO_COMM_BYTES - 1),
                           "shorten it");
    }
    return std::nullopt;
}

} // namespace

Result<std::vector<bpf_insn>> predicate_code(const PredicateRequest& request, PredicateEnd end) {
    if (auto wrong = misuse(request)) return std::move(*wrong);
    if (auto wrong = check_patterns(request.comm)) return std::move(*wrong);
    const auto allowed = allowed_addresses(request);
    if (allowed && allowed->is_empty())
        return usage_error("test where accesses come from",
                           "no code is left of --only-from without --not-from",
                           "name functions in the one that are not in the other");
    auto code = Program(request, end).write(allowed);
    if (!code)
        return usage_error("test hits in the kernel", "the tests are too long for one BPF program",
                           "simplify --when, or write a script (--script)");
    return std::move(*code);
}

} // namespace stakeout

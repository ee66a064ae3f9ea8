#include "loader/compiler/helper_rules.h"

#include "base/near_names.h"
#include "loader/compiler/embedded_headers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace stakeout {
namespace {

constexpr unsigned last_known = 211; // bpf_cgrp_storage_delete; later ones come as kernel functions

struct Rule {
    unsigned number;
    HelperRefusal refusal;
};
constexpr HelperRefusal lock{"a lock may be held by the very code that the hit interrupted",
                             "count with __sync_fetch_and_add(), or keep state for each CPU with per_cpu()"};
constexpr HelperRefusal timer{"programs that trace may not own timers",
                              "defer(h, microseconds) and on_followup(f)"};
constexpr HelperRefusal sleeps{"it may wait for memory to be paged in, and the debug exception cannot wait",
                               "bpf_probe_read_user(), or defer_to_task(h) and on_task(f)"};
constexpr HelperRefusal path{"it takes locks of the file system",
                             "read the names with BPF_CORE_READ in on_followup(f)"};
constexpr std::array rules{
    Rule{36, {"writing to a program's memory is not for a watch", ""}},
    Rule{58, {"it is for probes at the entry of a function", ""}},
    Rule{93, lock},
    Rule{94, lock},
    Rule{147, path},
    Rule{148, sleeps},
    Rule{191, sleeps},
    Rule{161, {"it measures a file by reading it", ""}},
    Rule{193, {"it measures a file by reading it", ""}},
    Rule{166, {"it is for programs that only user space starts", ""}},
    Rule{168, {"it is for programs that only user space starts", ""}},
    Rule{169, timer},
    Rule{170, timer},
    Rule{171, timer},
    Rule{172, timer},
};
constexpr HelperRefusal other_kind{"it is for programs of another kind (network, control groups, security)",
                                   ""};

// What a perf event program may call, as Linux 6.18 has it; earlier kernels have fewer, and the verifier says
// so.
constexpr std::array<unsigned, 75> allowed{
    1,   2,   3,   4,   5,   6,   7,   8,   12,  14,  15,  16,  17,  22,  25,  27,  35,  37,  42,
    45,  55,  56,  67,  80,  87,  88,  89,  105, 106, 109, 112, 113, 114, 115, 117, 118, 119, 120,
    123, 125, 130, 131, 132, 133, 134, 141, 149, 153, 154, 156, 157, 158, 164, 165, 173, 174, 175,
    176, 177, 180, 181, 182, 194, 195, 197, 198, 199, 200, 201, 202, 203, 208, 209, 210, 211};

struct KernelFunctionRule {
    std::string_view prefix;
    HelperRefusal refusal;
};
constexpr std::array kernel_function_rules{
    KernelFunctionRule{"bpf_wq_",
                       {"work queues run in programs that may sleep", "defer_to_task(h) and on_task(f)"}},
    KernelFunctionRule{"bpf_copy_from_user", sleeps},
    KernelFunctionRule{"bpf_path_d_path", path},
    KernelFunctionRule{"bpf_rbtree_", lock},
    KernelFunctionRule{"bpf_list_", lock},
    KernelFunctionRule{"bpf_res_spin_", lock},
};

// static long (*bpf_name)(...) = (void *) 12;
const std::vector<std::string_view>& names() {
    static const std::vector<std::string_view> known = [] {
        std::vector<std::string_view> found(last_known + 1);
        const std::string_view text = embedded_header("bpf/bpf_helper_defs.h").value_or("");
        constexpr std::string_view before = "(*bpf_";
        constexpr std::string_view value = "= (void *) ";
        for (std::size_t at = text.find(before); at != std::string_view::npos; at = text.find(before, at)) {
            at += 2;
            const std::string_view name = text.substr(at, text.find(')', at) - at);
            const std::size_t number_at = text.find(value, at);
            if (number_at == std::string_view::npos) break;
            const std::string_view digits = text.substr(number_at + value.size(), 8);
            unsigned number = 0;
            std::from_chars(digits.data(), digits.data() + digits.size(), number);
            if (number < found.size()) found[number] = name;
        }
        return found;
    }();
    return known;
}

} // namespace

std::string_view helper_name(unsigned number) {
    return number < names().size() ? names()[number] : std::string_view();
}

std::string nearest_helper(std::string_view name) {
    // Who leaves the end out is nearer than who mistypes a letter.
    for (const std::string_view known : names())
        if (known.starts_with(name)) return std::string(known);
    NearNames near(name, 1);
    for (const std::string_view known : names()) near.consider(known);
    auto found = std::move(near).take();
    return found.empty() ? std::string() : std::move(found.front());
}

std::optional<HelperRefusal> refused_in_hit(unsigned number) {
    if (const auto* rule = std::ranges::find(rules, number, &Rule::number); rule != rules.end())
        return rule->refusal;
    if (number > last_known || std::ranges::find(allowed, number) != allowed.end()) return std::nullopt;
    return other_kind;
}

std::optional<HelperRefusal> refused_in_hit(std::string_view kernel_function) {
    for (const KernelFunctionRule& rule : kernel_function_rules)
        if (kernel_function.starts_with(rule.prefix)) return rule.refusal;
    return std::nullopt;
}

} // namespace stakeout

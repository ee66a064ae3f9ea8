// Globals whose type BTF does not tell (it describes per-CPU variables only) but everybody knows, and
// functions whose text betrays the address of a global where data symbols are hidden (KALLSYMS_ALL=n). From
// the kernel's own headers.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace stakeout {

struct KnownGlobal {
    std::string_view name;
    std::string_view type;
    std::string_view via; // a function that refers to this global first; empty: none known
};

inline constexpr std::array<KnownGlobal, 18> known_globals{{
    {"jiffies_64", "u64", "bpf_jiffies64"},        // include/linux/jiffies.h
    {"jiffies", "unsigned long", "bpf_jiffies64"}, // the same memory on 64 bits
    {"init_task", "struct task_struct", ""},       // include/linux/sched/task.h
    {"init_mm", "struct mm_struct", ""},
    {"init_net", "struct net", ""},
    {"init_nsproxy", "struct nsproxy", ""},
    {"init_pid_ns", "struct pid_namespace", ""},
    {"init_user_ns", "struct user_namespace", ""},
    {"init_uts_ns", "struct uts_namespace", ""},
    {"init_ipc_ns", "struct ipc_namespace", ""},
    {"init_cred", "struct cred", ""},
    {"init_fs", "struct fs_struct", ""},
    {"root_task_group", "struct task_group", ""},
    {"total_forks", "unsigned long", ""},
    {"nr_threads", "int", ""},
    {"max_threads", "int", ""},
    {"panic_timeout", "int", ""},
    {"system_state", "unsigned int", ""},
}};

inline std::optional<KnownGlobal> known_global(std::string_view name) {
    for (const KnownGlobal& known : known_globals)
        if (known.name == name) return known;
    return std::nullopt;
}

} // namespace stakeout

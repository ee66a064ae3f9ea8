// What a recording knows beside what its watch told.
#pragma once

#include "watchpoints/target/build_id.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stakeout {

// The machine that recorded. What is not known is empty or 0.
struct HostFacts {
    std::string host, kernel_release, kernel_version, machine;
    std::uint32_t cpus = 0;
    std::string kernel_build_id; // hexadecimal
    // The kernel's BTF: its types, and so the layout of its structures, are the same where both agree.
    std::uint64_t kernel_btf_size = 0, kernel_btf_xxh64 = 0;
    std::uint64_t kernel_text = 0; // address of _text
    bool operator==(const HostFacts&) const = default;
};

struct RecordingFacts {
    std::string stakeout_version;
    std::string recording;  // 32 hexadecimal digits, of one recording and no other
    std::string watch_name; // as its user named it; empty: not at all
    HostFacts host;
    bool operator==(const RecordingFacts&) const = default;
};

// From some moment on: the time of day minus CLOCK_MONOTONIC.
struct ClockStep {
    std::uint64_t time_ns = 0;
    std::int64_t wall_ahead_ns = 0;
    bool operator==(const ClockStep&) const = default;
};

struct KernelModuleFacts {
    std::string name;
    std::uint64_t start = 0, size = 0;
    BuildId build_id;
    bool operator==(const KernelModuleFacts&) const = default;
};

// This machine, now; some 5 ms, nearly all of them for the BTF.
HostFacts read_host_facts();
// A recording that begins now, on this machine, with a new identity.
RecordingFacts new_recording(std::string_view stakeout_version, std::string_view watch_name);
// A loaded kernel module, from /proc/modules and its notes in /sys. nullopt: it is not loaded.
std::optional<KernelModuleFacts> read_kernel_module(std::string_view name);

} // namespace stakeout

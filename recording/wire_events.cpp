#include "recording/limits.h"
#include "recording/wire.h"

namespace stakeout {

bool is_time(std::uint64_t ns) { return ns <= recording_limits::latest_ns; }
bool is_time_step(std::int64_t ns) {
    constexpr auto latest = static_cast<std::int64_t>(recording_limits::latest_ns);
    return ns <= latest && ns >= -latest;
}

Recording_Access to_wire(Access access) {
    switch (access) {
    case Access::Read:
        return Recording_Access_READ;
    case Access::Write:
        return Recording_Access_WRITE;
    case Access::Execute:
        return Recording_Access_EXECUTE;
    case Access::Unknown:
        break;
    }
    return Recording_Access_UNKNOWN;
}

std::optional<Access> from_wire(Recording_Access access) {
    switch (access) {
    case Recording_Access_READ:
        return Access::Read;
    case Recording_Access_WRITE:
        return Access::Write;
    case Recording_Access_EXECUTE:
        return Access::Execute;
    case Recording_Access_UNKNOWN:
        return Access::Unknown;
    default:
        return std::nullopt;
    }
}

void to_wire(const Notice& notice, Recording_Notice& wire) {
    wire.set_text(notice.text);
    wire.set_time_left_ns(notice.time_left.count());
}

std::optional<Notice> from_wire(const Recording_Notice& wire) {
    if (!is_time_step(wire.time_left_ns())) return std::nullopt;
    return Notice{wire.text(), std::chrono::nanoseconds(wire.time_left_ns())};
}

void to_wire(const BrakeInterval& interval, Recording_Brake& wire) {
    wire.set_cpu(interval.cpu);
    wire.set_from_ns(interval.from_ns);
    wire.set_to_ns(interval.to_ns);
}

std::optional<BrakeInterval> from_wire(const Recording_Brake& wire) {
    if (!is_time(wire.from_ns()) || !is_time(wire.to_ns())) return std::nullopt;
    return BrakeInterval{wire.cpu(), wire.from_ns(), wire.to_ns()};
}

void to_wire(const CoverageChange& change, Recording_Coverage& wire) {
    wire.set_cpu(change.cpu);
    wire.set_online(change.online);
    wire.set_armed(change.armed);
    wire.set_gap_from_ns(change.gap_from_ns);
    wire.set_gap_to_ns(change.gap_to_ns);
    wire.set_reason(change.reason);
    wire.set_cpus_armed(change.cpus_armed);
    wire.set_cpus_online(change.cpus_online);
}

std::optional<CoverageChange> from_wire(const Recording_Coverage& wire) {
    if (!is_time(wire.gap_from_ns()) || !is_time(wire.gap_to_ns())) return std::nullopt;
    return CoverageChange{.cpu = wire.cpu(),
                          .online = wire.online(),
                          .armed = wire.armed(),
                          .gap_from_ns = wire.gap_from_ns(),
                          .gap_to_ns = wire.gap_to_ns(),
                          .reason = wire.reason(),
                          .cpus_armed = wire.cpus_armed(),
                          .cpus_online = wire.cpus_online()};
}

void to_wire(const RecordingFacts& facts, Recording_Header& wire) {
    wire.set_schema(recording_limits::schema);
    wire.set_stakeout_version(facts.stakeout_version);
    wire.set_recording(facts.recording);
    wire.set_watch_name(facts.watch_name);
    wire.set_host(facts.host.host);
    wire.set_kernel_release(facts.host.kernel_release);
    wire.set_kernel_version(facts.host.kernel_version);
    wire.set_machine(facts.host.machine);
    wire.set_cpus(facts.host.cpus);
    wire.set_kernel_build_id(facts.host.kernel_build_id);
    wire.set_kernel_btf_size(facts.host.kernel_btf_size);
    wire.set_kernel_btf_xxh64(facts.host.kernel_btf_xxh64);
    wire.set_kernel_text(static_cast<std::int64_t>(facts.host.kernel_text));
}

RecordingFacts from_wire(const Recording_Header& wire) {
    return {.stakeout_version = wire.stakeout_version(),
            .recording = wire.recording(),
            .watch_name = wire.watch_name(),
            .host = {.host = wire.host(),
                     .kernel_release = wire.kernel_release(),
                     .kernel_version = wire.kernel_version(),
                     .machine = wire.machine(),
                     .cpus = wire.cpus(),
                     .kernel_build_id = wire.kernel_build_id(),
                     .kernel_btf_size = wire.kernel_btf_size(),
                     .kernel_btf_xxh64 = wire.kernel_btf_xxh64(),
                     .kernel_text = static_cast<std::uint64_t>(wire.kernel_text())}};
}

} // namespace stakeout

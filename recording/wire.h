// The plain structures of a watch <-> protobuf messages. For this folder's own files.
//
// to_wire() fills an empty message. from_wire() answers nullopt, or false, for what no recording of ours can
// hold: a number that is no such word, a time beyond latest_ns.
#pragma once

#include "recording/facts.h"
#include "recording/recording.pb.h"
#include "watchpoints/arm/watch.h"
#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

inline std::string to_bytes(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }
inline std::vector<std::uint8_t> from_bytes(std::string_view bytes) { return {bytes.begin(), bytes.end()}; }

[[nodiscard]] bool is_time(std::uint64_t ns);     // neither beyond latest_ns
[[nodiscard]] bool is_time_step(std::int64_t ns); // nor before its negative

Recording_Access to_wire(Access access);
std::optional<Access> from_wire(Recording_Access access);

void to_wire(const Armed& armed, Recording_Armed& wire);
std::optional<Armed> from_wire(const Recording_Armed& wire);

void to_wire(const Summary& summary, Recording_Summary& wire);
std::optional<Summary> from_wire(const Recording_Summary& wire);

void to_wire(const Notice& notice, Recording_Notice& wire);
std::optional<Notice> from_wire(const Recording_Notice& wire);
void to_wire(const BrakeInterval& interval, Recording_Brake& wire);
std::optional<BrakeInterval> from_wire(const Recording_Brake& wire);
void to_wire(const CoverageChange& change, Recording_Coverage& wire);
std::optional<CoverageChange> from_wire(const Recording_Coverage& wire);

void to_wire(const RecordingFacts& facts, Recording_Header& wire);
RecordingFacts from_wire(const Recording_Header& wire);

} // namespace stakeout

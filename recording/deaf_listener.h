// Hears nothing, and is never full: a base for those who want a part only.
#pragma once

#include "watchpoints/arm/watch.h"

namespace stakeout {

class DeafListener : public WatchListener {
  public:
    void on_armed(const Armed& armed) override { (void)armed; }
    void on_hit(const Hit& hit) override { (void)hit; }
    void on_look(const Look& look) override { (void)look; }
    void on_notice(const Notice& notice) override { (void)notice; }
    void on_brake(const BrakeInterval& interval) override { (void)interval; }
    void on_coverage(const CoverageChange& change) override { (void)change; }
    void on_summary(const Summary& summary) override { (void)summary; }
    bool flush() override { return true; }
    [[nodiscard]] bool has_room() const override { return true; }
    [[nodiscard]] bool is_behind() const override { return false; }
    [[nodiscard]] std::uint64_t written() const override { return 0; }
};

} // namespace stakeout

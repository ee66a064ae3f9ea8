// Frames of a recording, looked up anew on the machine that reads it: where symbols or debug information are
// at hand that the recording machine did not have.
//
// A file is taken only if its build id is the recorded one. What is not found stays as it was recorded; so do
// the frames of kernel modules, whose files are not linked.
#pragma once

#include "recording/facts.h"
#include "watchpoints/arm/watch.h"

#include <memory>
#include <string>
#include <vector>

namespace stakeout {

struct SymbolPlaces {
    std::string root;                       // holds files as the recording machine's / did; empty: none
    std::vector<std::string> debug_folders; // as /usr/lib/debug: FOLDER/.build-id/xx/yyyy.debug, FOLDER/PATH
    [[nodiscard]] bool empty() const { return root.empty() && debug_folders.empty(); }
};

// Hands on to `listener` what it is told, with such frames. The listener outlives it.
class Resymboliser final : public WatchListener {
  public:
    Resymboliser(SymbolPlaces places, WatchListener& listener);
    ~Resymboliser() override;
    Resymboliser(const Resymboliser&) = delete;
    Resymboliser& operator=(const Resymboliser&) = delete;

    // Whose recording it is: without it the kernel's own frames stay as they are.
    void on_facts(const RecordingFacts& facts);

    void on_armed(const Armed& armed) override;
    void on_hit(const Hit& hit) override;
    void on_look(const Look& look) override;
    void on_notice(const Notice& notice) override;
    void on_brake(const BrakeInterval& interval) override;
    void on_coverage(const CoverageChange& change) override;
    void on_summary(const Summary& summary) override;
    bool flush() override;
    [[nodiscard]] bool has_room() const override;
    [[nodiscard]] bool is_behind() const override;
    [[nodiscard]] std::uint64_t written() const override;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout

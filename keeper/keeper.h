// A watch that others may talk to: it stands in /run/stakeout under its name, tells its status, shows its
// hits as they come, is renewed and ended over its control socket.
//
// It is the watch's listener and its companion at once: everything it tells is what the watch told it. A
// listener behind it (the output of a watch in the foreground) hears all of it first.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "keeper/control_server.h"
#include "keeper/follower.h"
#include "keeper/hot_stacks.h"
#include "keeper/kept_hits.h"
#include "keeper/notifier.h"
#include "keeper/run_folder.h"
#include "keeper/watch_status.h"
#include "watchpoints/arm/companion.h"
#include "watchpoints/arm/watch.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

class Keeper final : public WatchListener, public WatchCompanion {
  public:
    struct Settings {
        std::string name; // empty: the watch's id
        bool detached = false;
        std::string notify; // command; empty: none
        StartingTerminal terminal;
        std::string version;                   // of stakeout
        std::optional<FileStoreOptions> files; // where it is recorded
        bool keeps_hits = false;               // in memory, where no file is asked for
    };
    // The name is reserved; nothing can be asked before on_armed(). Errors: the name is taken, there is no
    // place for sockets, or none for the recording.
    static Result<std::unique_ptr<Keeper>> open(Settings settings, WatchListener& behind);
    ~Keeper() override;

    // Called when the watch is armed and can be found by its name.
    void when_ready(std::function<void(const WatchStatus&)> call) { when_ready_ = std::move(call); }
    // The watch is over and its slots are free: whoever asked for that is told so.
    void finish();

    void on_armed(const Armed& armed) override;
    void on_hit(const Hit& hit) override;
    void on_look(const Look& look) override;
    void on_notice(const Notice& notice) override;
    void on_brake(const BrakeInterval& interval) override;
    void on_coverage(const CoverageChange& change) override;
    void on_summary(const Summary& summary) override;
    bool flush() override;
    [[nodiscard]] bool has_room() const override { return behind_.has_room(); }
    [[nodiscard]] bool is_behind() const override { return behind_.is_behind(); }
    [[nodiscard]] std::uint64_t written() const override { return behind_.written(); }
    [[nodiscard]] bool has_enough() const override { return behind_.has_enough(); }

    void add_to(std::vector<pollfd>& fds) const override;
    void turn(RunningWatch& watch) override;

  private:
    using Json = nlohmann::ordered_json;
    using Connection = std::shared_ptr<ControlConnection>;
    Keeper(Settings settings, WatchListener& behind, RunFolder folder)
        : settings_(std::move(settings)), behind_(behind), folder_(std::move(folder)) {}
    void answer(const Json& request, const Connection& to, RunningWatch& watch);
    void renew(const Json& request, const Connection& to, RunningWatch& watch);
    void follow(const Connection& to);
    void hand_out_recordings();
    [[nodiscard]] const RecordingFacts& facts();
    [[nodiscard]] Status begin_recording();
    // Everybody who hears what the watch tells: the output behind, the recording, those who follow.
    template <class Call>
    void tell_all(const Call& call);
    [[nodiscard]] WatchStatus status_of(const RunningWatch& watch);
    void take_rate(std::uint64_t hits, std::uint64_t now);
    void note(std::string text);

    Settings settings_;
    WatchListener& behind_;
    RunFolder folder_;
    OwnedFd lock_;
    std::unique_ptr<ControlServer> server_;
    std::unique_ptr<Notifier> notifier_;
    std::function<void(const WatchStatus&)> when_ready_;
    WatchStatus status_; // what does not change, and the last access
    HotStacks hot_;
    std::uint64_t shown_ = 0, hits_ = 0;
    struct Sample {
        std::uint64_t at_ns, hits;
    };
    std::deque<Sample> samples_; // one a second, of the last ten
    std::optional<Armed> armed_;
    std::optional<RecordingFacts> facts_;
    std::optional<KeptHits> kept_;
    std::vector<std::unique_ptr<Follower>> followers_;
    std::vector<Connection> waiting_for_recording_;
    std::optional<Summary> summary_;
    std::vector<Connection> waiting_for_end_;
};

} // namespace stakeout

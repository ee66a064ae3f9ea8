// Somebody who looks at a watch's hits as they come: a recording of its own, that begins now, down a control
// connection. A follower that reads too slowly misses hits, and is told how many; the watch never waits for
// it.
#pragma once

#include "keeper/control_server.h"
#include "recording/recorder.h"

#include <cstdint>
#include <memory>

namespace stakeout {

class ConnectionStore;

class Follower {
  public:
    Follower(const RecordingFacts& facts, const Armed& armed, std::shared_ptr<ControlConnection> to);

    WatchListener& listener() { return *recorder_; }
    // Sends what has come, if it has waited long enough for others to share its block.
    void turn(std::uint64_t now_ns);
    [[nodiscard]] bool has_gone() const { return !to_->is_open(); }
    void expect_end(); // what comes now is the summary, for which there is always room
    void end();        // after it

  private:
    std::shared_ptr<ControlConnection> to_;
    ConnectionStore* store_; // the recorder's
    std::unique_ptr<Recorder> recorder_;
    std::uint64_t sent_at_ns_ = 0;
};

} // namespace stakeout

// Listens to a watch and records it: blocks of entries, handed to a store when they are full or a second old.
//
// Never waits, and is never full: what the store cannot keep is lost from the recording, counted there, and
// said once on stderr, or to whom `say` is; the watch goes on.
#pragma once

#include "recording/block_store.h"
#include "recording/encoder.h"
#include "watchpoints/arm/watch.h"

#include <functional>
#include <memory>
#include <string>

namespace stakeout {

class Recorder final : public WatchListener {
  public:
    using Say = std::function<void(const std::string& sentence)>;

    Recorder(RecordingFacts facts, std::unique_ptr<BlockStore> store, Say say);
    ~Recorder() override;
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    void on_armed(const Armed& armed) override;
    void on_hit(const Hit& hit) override;
    void on_look(const Look& look) override;
    void on_notice(const Notice& notice) override;
    void on_brake(const BrakeInterval& interval) override;
    void on_coverage(const CoverageChange& change) override;
    void on_summary(const Summary& summary) override;
    bool flush() override;
    [[nodiscard]] bool has_room() const override { return true; }
    [[nodiscard]] bool is_behind() const override { return false; }
    [[nodiscard]] std::uint64_t written() const override { return store_->bytes_kept(); }

    // Hands what is waiting to the store, however little it is: for who reads the store now.
    void finish_block();
    [[nodiscard]] const BlockStore& store() const { return *store_; }

  private:
    template <class Told>
    void record(const Told& told, std::uint64_t now_ns);
    void begin_block(std::uint64_t now_ns);
    void follow_clock(std::uint64_t now_ns);
    [[nodiscard]] std::uint64_t lost() const;
    void tell_lost();

    std::unique_ptr<BlockStore> store_;
    Say say_;
    Encoder encoder_;
    ClockStep clock_;
    bool begun_ = false;
    std::uint64_t lost_told_ = 0;
    std::uint64_t block_since_ns_ = 0; // 0: nothing is waiting
};

} // namespace stakeout

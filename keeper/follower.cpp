#include "keeper/follower.h"

#include "recording/block_store.h"

namespace stakeout {
namespace {

constexpr std::uint64_t between_blocks_ns = 100'000'000; // what an eye does not see
constexpr std::size_t most_waiting = std::size_t{4} << 20;

} // namespace

class ConnectionStore final : public BlockStore {
  public:
    explicit ConnectionStore(std::shared_ptr<ControlConnection> to) : to_(std::move(to)) {}

    void put(Block block) override {
        const bool is_full = !is_last_ && to_->waiting() >= most_waiting;
        if (block.begins_segment && !is_full) in_gap_ = false;
        if (in_gap_ || is_full) {
            in_gap_ = true;
            lost_ += block.hits;
            return;
        }
        kept_ += block.bytes.size();
        to_->send_bytes(block.bytes);
    }
    [[nodiscard]] bool wants_segment() const override { return in_gap_; }
    [[nodiscard]] std::uint64_t lost_hits() const override { return lost_; }
    [[nodiscard]] std::uint64_t bytes_kept() const override { return kept_; }

    void take_the_last() { is_last_ = true; }

  private:
    std::shared_ptr<ControlConnection> to_;
    bool in_gap_ = false, is_last_ = false;
    std::uint64_t lost_ = 0, kept_ = 0;
};

Follower::Follower(const RecordingFacts& facts, const Armed& armed, std::shared_ptr<ControlConnection> to)
    : to_(std::move(to)) {
    auto store = std::make_unique<ConnectionStore>(to_);
    store_ = store.get();
    recorder_ = std::make_unique<Recorder>(facts, std::move(store), Recorder::Say());
    recorder_->on_armed(armed);
    recorder_->finish_block();
}

void Follower::turn(std::uint64_t now_ns) {
    if (now_ns < sent_at_ns_ + between_blocks_ns) return;
    sent_at_ns_ = now_ns;
    recorder_->finish_block();
}

void Follower::expect_end() {
    recorder_->finish_block();
    store_->take_the_last();
}

void Follower::end() {
    recorder_->finish_block();
    to_->close_when_sent();
}

} // namespace stakeout

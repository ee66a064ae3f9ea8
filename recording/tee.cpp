#include "recording/tee.h"

namespace stakeout {
namespace {

class Tee final : public WatchListener {
  public:
    Tee(std::unique_ptr<WatchListener> first, std::unique_ptr<WatchListener> second)
        : first_(std::move(first)), second_(std::move(second)) {}

    void on_armed(const Armed& armed) override { tell(&WatchListener::on_armed, armed); }
    void on_hit(const Hit& hit) override { tell(&WatchListener::on_hit, hit); }
    void on_look(const Look& look) override { tell(&WatchListener::on_look, look); }
    void on_notice(const Notice& notice) override { tell(&WatchListener::on_notice, notice); }
    void on_brake(const BrakeInterval& interval) override { tell(&WatchListener::on_brake, interval); }
    void on_coverage(const CoverageChange& change) override { tell(&WatchListener::on_coverage, change); }
    void on_summary(const Summary& summary) override { tell(&WatchListener::on_summary, summary); }
    bool flush() override {
        const bool first_is_open = first_->flush();
        return second_->flush() && first_is_open;
    }
    [[nodiscard]] bool has_room() const override { return first_->has_room() && second_->has_room(); }
    [[nodiscard]] bool is_behind() const override { return first_->is_behind() || second_->is_behind(); }
    [[nodiscard]] std::uint64_t written() const override { return first_->written() + second_->written(); }
    [[nodiscard]] bool has_enough() const override { return first_->has_enough() || second_->has_enough(); }

  private:
    template <class Told>
    void tell(void (WatchListener::*what)(const Told&), const Told& told) {
        (*first_.*what)(told);
        (*second_.*what)(told);
    }

    std::unique_ptr<WatchListener> first_, second_;
};

} // namespace

std::unique_ptr<WatchListener> make_tee(std::unique_ptr<WatchListener> first,
                                        std::unique_ptr<WatchListener> second) {
    return std::make_unique<Tee>(std::move(first), std::move(second));
}

} // namespace stakeout

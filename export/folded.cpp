// The folded sink of `stakeout watch`, without what it says about the watch on stderr.
#include "base/owned_fd.h"
#include "export/formats.h"
#include "recording/deaf_listener.h"
#include "tools/output/sinks.h"

#include <fcntl.h>

namespace stakeout {
namespace {

class FoldedExport final : public DeafListener {
  public:
    explicit FoldedExport(int fd)
        : nowhere_(::open("/dev/null", O_WRONLY | O_CLOEXEC)), sink_(make_folded_sink(fd, nowhere_.get())) {}
    void on_hit(const Hit& hit) override { sink_->on_hit(hit); }
    void on_summary(const Summary& summary) override { sink_->on_summary(summary); }
    bool flush() override { return sink_->flush(); }
    [[nodiscard]] bool is_behind() const override { return sink_->is_behind(); }
    [[nodiscard]] std::uint64_t written() const override { return sink_->written(); }

  private:
    OwnedFd nowhere_;
    std::unique_ptr<WatchListener> sink_;
};

} // namespace

std::unique_ptr<WatchListener> make_folded_export(int fd) { return std::make_unique<FoldedExport>(fd); }

} // namespace stakeout

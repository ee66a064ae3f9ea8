// What exports have in common: an output, and no interest in what they do not override.
#pragma once

#include "recording/deaf_listener.h"
#include "tools/output/output_stream.h"

namespace stakeout {

class StreamExport : public DeafListener {
  public:
    explicit StreamExport(int fd) : out_(fd) {}
    bool flush() override { return out_.flush(); }
    [[nodiscard]] bool has_room() const override { return out_.has_room(); }
    [[nodiscard]] bool is_behind() const override { return out_.is_behind(); }
    [[nodiscard]] std::uint64_t written() const override { return out_.total(); }

  protected:
    OutputStream& out() { return out_; }

  private:
    OutputStream out_;
};

} // namespace stakeout

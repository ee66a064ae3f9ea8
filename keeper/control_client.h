// The client's side of a control socket (control_server.h).
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "keeper/run_folder.h"
#include "keeper/watch_status.h"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace stakeout {

class ControlClient {
  public:
    // Error (LostTarget): no such watch runs; it has ended; or it does not answer (it is stopped, say).
    static Result<ControlClient> connect(const RunFolder& folder, const std::string& name);

    // The first line of the answer. Error: what the watch says against it, or no answer within `patience`.
    Result<nlohmann::ordered_json> ask(const nlohmann::ordered_json& request,
                                       std::chrono::milliseconds patience = std::chrono::seconds(5));
    // The two halves of ask().
    [[nodiscard]] bool tell(const nlohmann::ordered_json& request) const; // false: it has ended
    Result<nlohmann::ordered_json> answer(std::chrono::milliseconds patience);
    // After an answer with a stream: hands on its bytes until the watch ends it or `take` returns false.
    // Between them, at least four times a second, `take` is called with nothing. True: the watch ended it.
    Result<bool> stream(const std::function<bool(std::span<const std::byte>)>& take);

    [[nodiscard]] int pid() const { return pid_; } // of the watch's process

  private:
    ControlClient(OwnedFd socket, std::string name, int pid)
        : socket_(std::move(socket)), name_(std::move(name)), pid_(pid) {}
    OwnedFd socket_;
    std::string name_;
    int pid_ = 0;
    std::string ahead_; // bytes of the stream that came with the first line
};

// A watch that does not answer is told too: it holds slots.
struct SilentWatch {
    std::string name;
    int pid = 0;
    std::string why;
};
using FoundWatch = std::variant<WatchStatus, SilentWatch>;

// All running watches of this machine, asked side by side. What killed ones left is removed.
std::vector<FoundWatch> running_watches(const RunFolder& folder);

// The watch with that name or id. Error (Usage): none; names those that run.
Result<std::string> find_watch(const RunFolder& folder, const std::string& name_or_id);

} // namespace stakeout

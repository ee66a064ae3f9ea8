// Who waits for a debug register, in the order they came: a file for each in the run folder, locked while its
// process lives. Only the first one tries to arm.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "keeper/run_folder.h"

#include <string>

namespace stakeout {

class SlotQueue {
  public:
    // Joins at the end. Error (CannotArm): no place for the ticket.
    static Result<SlotQueue> join();
    ~SlotQueue(); // leaves it
    SlotQueue(const SlotQueue&) = delete;
    SlotQueue& operator=(const SlotQueue&) = delete;
    SlotQueue(SlotQueue&& other) noexcept = default;
    SlotQueue& operator=(SlotQueue&& other) = delete;

    [[nodiscard]] std::size_t ahead() const; // how many wait before us

  private:
    SlotQueue(std::string folder, std::string ticket, OwnedFd lock)
        : folder_(std::move(folder)), ticket_(std::move(ticket)), lock_(std::move(lock)) {}
    std::string folder_, ticket_;
    OwnedFd lock_;
};

} // namespace stakeout

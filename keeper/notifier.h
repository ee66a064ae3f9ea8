// Tells people of what happens to a watch that nobody looks at: on the terminal that started it, as long as
// its session lives; in the system's journal; and through a command of theirs. None of it is waited for.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

// The terminal of the process that calls, and the session it belongs to.
class StartingTerminal {
  public:
    static StartingTerminal of_this_process();
    // Nothing if the session's leader has gone: the terminal may be somebody else's by now.
    void tell(std::string_view line) const;

  private:
    std::string path_; // empty: none
    dev_t device_ = 0;
    pid_t leader_ = 0;
    std::uint64_t leader_began_ = 0; // its start time, in the kernel's ticks
};

class Notifier {
  public:
    struct Settings {
        std::string watch, name;
        std::string command; // of --notify; empty: none
        StartingTerminal terminal;
    };
    explicit Notifier(Settings settings);
    ~Notifier(); // lets a command that still runs run on
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    // `event`: "notice", "ended", "coverage". The command gets it, the text and the hits in its environment.
    void tell(std::string_view event, const std::string& text, std::uint64_t hits);
    void reap(); // to be called now and then

  private:
    void run_command(std::string_view event, const std::string& text, std::uint64_t hits);
    Settings settings_;
    std::vector<pid_t> running_;
};

} // namespace stakeout

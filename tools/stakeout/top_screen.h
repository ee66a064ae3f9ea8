// The terminal of `stakeout top`: lines of text with a few styles, keys, and the terminal as it was
// afterwards.
#pragma once

#include "base/result.h"

#include <string>
#include <vector>

namespace stakeout {

struct ScreenLine {
    enum class Style { Plain, Title, Selected, Alarm, Faint } style = Style::Plain;
    std::string text; // cut at the right edge
};

class TopScreen {
  public:
    enum class Key { None, Up, Down, Renew, Remove, Yes, Quit, Other };

    // Error (Usage): standard input or output is no terminal, or one that cannot be drawn on.
    static Result<TopScreen> open();
    ~TopScreen();
    TopScreen(const TopScreen&) = delete;
    TopScreen& operator=(const TopScreen&) = delete;
    TopScreen(TopScreen&& other) noexcept : active_(std::exchange(other.active_, false)) {}
    TopScreen& operator=(TopScreen&&) = delete;

    void draw(const std::vector<ScreenLine>& lines);
    // The next key, waited for so long; None: there was none, or the window changed its size.
    [[nodiscard]] Key key(int milliseconds);
    [[nodiscard]] int rows() const;

  private:
    TopScreen() = default;
    bool active_ = true;
};

} // namespace stakeout

#include "tools/stakeout/top_screen.h"

#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>

#include <ncurses.h>

namespace stakeout {
namespace {

constexpr short alarm_pair = 1;

volatile std::sig_atomic_t was_asked_to_end = 0;

attr_t attribute(ScreenLine::Style style) {
    switch (style) {
    case ScreenLine::Style::Title:
        return A_BOLD;
    case ScreenLine::Style::Selected:
        return A_REVERSE;
    case ScreenLine::Style::Alarm:
        return A_BOLD | (has_colors() ? COLOR_PAIR(alarm_pair) : A_NORMAL);
    case ScreenLine::Style::Faint:
        return A_DIM;
    case ScreenLine::Style::Plain:
        break;
    }
    return A_NORMAL;
}

} // namespace

Result<TopScreen> TopScreen::open() {
    if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
        return usage_error("show stakeout top", "it needs a terminal",
                           "`stakeout list -o json` is for scripts");
    std::setlocale(LC_CTYPE, "");
    SCREEN* screen = ::newterm(nullptr, stdout, stdin);
    if (screen == nullptr) {
        const char* term = std::getenv("TERM");
        return usage_error("show stakeout top",
                           "this terminal (TERM=" + std::string(term != nullptr ? term : "") +
                               ") cannot be drawn on",
                           "set TERM to what your terminal is: TERM=xterm stakeout top");
    }
    struct sigaction action{};
    action.sa_handler = [](int) { was_asked_to_end = 1; };
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
    ::cbreak();
    ::noecho();
    ::keypad(stdscr, TRUE);
    ::curs_set(0);
    if (::has_colors()) {
        ::start_color();
        ::use_default_colors();
        ::init_pair(alarm_pair, COLOR_RED, -1);
    }
    return TopScreen();
}

TopScreen::~TopScreen() {
    if (active_) ::endwin();
}

int TopScreen::rows() const { return LINES; }

void TopScreen::draw(const std::vector<ScreenLine>& lines) {
    ::erase();
    int row = 0;
    for (const ScreenLine& line : lines) {
        if (row >= LINES) break;
        ::attrset(attribute(line.style));
        // These are macros.
        mvaddnstr(row, 0, line.text.c_str(), COLS);
        if (line.style == ScreenLine::Style::Selected) mvchgat(row, 0, -1, A_REVERSE, 0, nullptr);
        ++row;
    }
    ::attrset(A_NORMAL);
    ::refresh();
}

TopScreen::Key TopScreen::key(int milliseconds) {
    ::timeout(milliseconds);
    const int typed = ::getch();
    if (was_asked_to_end != 0) return Key::Quit;
    switch (typed) {
    case ERR:
    case KEY_RESIZE:
        return Key::None;
    case KEY_UP:
    case 'k':
        return Key::Up;
    case KEY_DOWN:
    case 'j':
        return Key::Down;
    case 'r':
        return Key::Renew;
    case 'd':
        return Key::Remove;
    case 'y':
        return Key::Yes;
    case 'q':
        return Key::Quit;
    default:
        return Key::Other;
    }
}

} // namespace stakeout

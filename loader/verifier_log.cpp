#include "loader/verifier_log.h"

#include <charconv>

namespace stakeout {
namespace {

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// "123: (85) call bpf_loop#181" and what is printed beside instructions is no sentence.
bool is_instruction(std::string_view line) {
    const std::size_t colon = line.find(": ");
    return colon != std::string_view::npos && colon > 0 &&
           line.substr(0, colon).find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_bookkeeping(std::string_view line) {
    for (const std::string_view start :
         {"processed ", "verification time", "stack depth", "from ", "caller:", "callee:", "mark_precise",
          "parent ", "regs=", "last_idx", "first_idx", "safe", "func#", "returning from callee",
          "to caller at", "Validating", "live regs", "returned from callee", "insn_idx"})
        if (line.starts_with(start)) return true;
    return false;
}

int number_at(std::string_view text) {
    int number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

// The only line of the script that reads so; 0: none, or several.
int line_with(std::string_view text, std::string_view wanted) {
    int found = 0, number = 0;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        ++number;
        if (trimmed(text.substr(0, end)) == wanted) {
            if (found != 0) return 0;
            found = number;
        }
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return found;
}

// Of a "; TEXT @ FILE:LINE" or "; TEXT"; 0: not a line of the script's.
int line_of_comment(std::string_view comment, std::string_view file, std::string_view text) {
    comment.remove_prefix(2);
    const std::size_t at = comment.rfind(" @ ");
    if (at == std::string_view::npos) return text.empty() ? 0 : line_with(text, trimmed(comment));
    const std::string_view place = comment.substr(at + 3);
    const std::size_t colon = place.rfind(':');
    if (colon == std::string_view::npos || base_name(place.substr(0, colon)) != base_name(file)) return 0;
    return number_at(place.substr(colon + 1));
}

// The verifier loses patience in the middle of a line.
std::string objection_behind(std::string_view instruction) {
    for (const std::string_view start :
         {"BPF program is too large", "The sequence of", "infinite loop detected"})
        if (const std::size_t at = instruction.find(start); at != std::string_view::npos)
            return std::string(instruction.substr(at));
    return {};
}

std::string called_in(std::string_view line) {
    const std::size_t call = line.find(" call ");
    if (call == std::string_view::npos) return {};
    const std::string_view name = line.substr(call + 6);
    if (!name.starts_with("bpf_")) return {};
    return std::string(name.substr(0, name.find_first_of("# \t")));
}

} // namespace

std::string_view line_of_text(std::string_view text, int number) {
    for (int line = 1; !text.empty(); ++line) {
        const std::size_t end = text.find('\n');
        if (line == number) return trimmed(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return {};
}

VerifierEnd end_of_verifier_log(std::string_view log, std::string_view file, std::string_view text) {
    VerifierEnd end;
    while (!log.empty()) {
        const std::size_t stop = log.find('\n');
        const std::string_view line = trimmed(log.substr(0, stop));
        log.remove_prefix(stop == std::string_view::npos ? log.size() : stop + 1);
        if (line.starts_with("; ")) {
            if (const int number = line_of_comment(line, file, text); number != 0) end.line = number;
        } else if (is_instruction(line)) {
            end.call = called_in(line);
            end.sentence = objection_behind(line); // what was said before was none: the verifier went on
        } else if (!line.empty() && !is_bookkeeping(line)) {
            end.sentence = line;
        }
    }
    return end;
}

} // namespace stakeout

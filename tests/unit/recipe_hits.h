// Hits made by hand, for the recipes' parts.
#pragma once

#include "watchpoints/hit/hit.h"

#include <cstring>
#include <initializer_list>
#include <string>

namespace stakeout {

inline Value value_of(std::uint64_t number, std::size_t width = 8) {
    Value value;
    value.bytes.resize(width);
    std::memcpy(value.bytes.data(), &number, width);
    return value;
}

inline Frame frame_of(const std::string& symbol, const std::string& module = {}, std::uint64_t offset = 1) {
    Frame frame;
    frame.symbol = symbol;
    frame.module = module;
    frame.offset = offset;
    return frame;
}

struct HitMaker {
    std::uint64_t seq = 0, time_ns = 0;

    // A write in user mode by the first of these functions, innermost first.
    Hit write(std::initializer_list<const char*> functions, std::uint64_t from, std::uint64_t to,
              std::uint32_t tid = 1, const std::string& instruction = "mov qword ptr [rdi], rax",
              std::size_t width = 8) {
        Hit hit;
        hit.seq = ++seq;
        hit.time_ns = time_ns += 1'000'000;
        hit.pid = 1;
        hit.tid = tid;
        hit.comm = "program";
        hit.user_mode = true;
        hit.address = 0x1000;
        hit.width = static_cast<std::uint32_t>(width);
        hit.old_value = value_of(from, width);
        hit.new_value = value_of(to, width);
        hit.ip = 0x400000 + std::hash<std::string>{}(*functions.begin() + instruction) % 4096;
        hit.instruction = Instruction{hit.ip - 4, instruction};
        for (const char* function : functions) hit.user_stack.push_back(frame_of(function, "/bin/program"));
        return hit;
    }
};

} // namespace stakeout

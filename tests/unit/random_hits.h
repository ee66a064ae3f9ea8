// Watches and hits made at random, with all that a hit may have, for what must come back as it was.
#pragma once

#include "watchpoints/arm/watch.h"

#include <random>
#include <string>

namespace stakeout::test {

class RandomHits {
  public:
    explicit RandomHits(std::uint64_t seed) : random_(seed) {}

    Armed armed();
    Hit hit(); // the next: later and with a higher number, as a rule
    Look look();
    Summary summary();
    CoverageChange coverage();

    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    bool one_in(std::uint64_t times) { return below(times) == 0; }
    std::string name(); // now and then a hostile one
    std::uint64_t address();

  private:
    std::optional<Value> value(std::uint32_t width);
    std::vector<Frame> stack();
    Frame frame();
    ScriptSays says();
    GuestPart guest();
    std::string bytes(std::size_t most);
    std::vector<std::uint8_t> octets(std::size_t most);

    std::mt19937_64 random_;
    std::uint64_t time_ns_ = 1'000'000'000, seq_ = 0;
    std::vector<std::vector<Frame>> stacks_; // told before, and told again
    std::size_t targets_ = 1;
};

// All fields are equal; gtest tells which are not.
void expect_same(const Hit& one, const Hit& other);
void expect_same(const Armed& one, const Armed& other);
void expect_same(const Summary& one, const Summary& other);
void expect_same(const Look& one, const Look& other);

} // namespace stakeout::test

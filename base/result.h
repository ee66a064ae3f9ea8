// Result<T>: a value, or an Error that must be looked at.
//
// Errors are for the person at the terminal at 3 a.m.: each says what was tried, why it failed and what to do
// next, in one sentence each, and knows which exit status the tool must end with. Nothing in stakeout throws
// across a folder; a function that can fail returns a Result, and the compiler warns where one is dropped.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace stakeout {

// What kind of failure; decides the exit status (man stakeout, EXIT STATUS).
enum class Failure {
    Usage,      // 2: the command line is wrong
    CannotArm,  // 3: nothing was armed and nothing is left behind
    LostTarget, // 4: the process or object went away
    Internal,   // 5: a defect of stakeout, or a kernel that breaks its own rules
};

struct Error {
    Failure failure = Failure::Internal;
    std::string tried;   // "arm a 8-byte write watchpoint on CPU 1"
    std::string cause;   // "all 4 debug registers of that CPU are taken by gdb (pid 77)"
    std::string remedy;  // "end one of them, or watch fewer addresses"; may be empty
    int errno_value = 0; // the errno behind it, 0 where there is none

    // One line: "cannot <tried>: <cause> (<errno name>); <remedy>".
    [[nodiscard]] std::string sentence() const;
    [[nodiscard]] int exit_status() const;
};

// Builders that read well at the place of failure.
Error usage_error(std::string tried, std::string cause, std::string remedy = {});
Error arm_error(std::string tried, std::string cause, std::string remedy = {}, int errno_value = 0);
Error lost_target(std::string tried, std::string cause, std::string remedy = {});
Error internal_error(std::string tried, std::string cause, int errno_value = 0);

template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] explicit operator bool() const { return state_.index() == 0; }

    // Looking at the wrong half is a defect of ours and ends the process, in release builds too.
    T& operator*() & { return checked(); }
    const T& operator*() const& { return const_checked(); }
    T&& operator*() && { return std::move(checked()); }
    T* operator->() { return &checked(); }
    const T* operator->() const { return &const_checked(); }

    [[nodiscard]] Error& error() & { return *require(std::get_if<1>(&state_)); }
    [[nodiscard]] Error&& error() && { return std::move(*require(std::get_if<1>(&state_))); }
    [[nodiscard]] const Error& error() const& { return *require(std::get_if<1>(&state_)); }

  private:
    template <class P>
    static P require(P pointer) {
        if (pointer == nullptr) {
            std::fputs("stakeout: internal error: the wrong half of a Result was looked at\n", stderr);
            std::abort();
        }
        return pointer;
    }
    T& checked() { return *require(std::get_if<0>(&state_)); }
    const T& const_checked() const { return *require(std::get_if<0>(&state_)); }

    std::variant<T, Error> state_;
};

struct Done {}; // the value of an operation that only succeeds
using Status = Result<Done>;
inline Status done() { return Done{}; }

} // namespace stakeout

// Members at given offsets -> the C text of a struct or union body in which the compiler puts them at just
// these offsets: gaps are filled, and what does not lie where its type wants to is packed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stakeout {

class StructLayout {
  public:
    struct Member {
        std::string text; // the declaration, without its semicolon: "unsigned int flags : 3"
        std::uint64_t offset_bits = 0;
        std::uint64_t bytes = 0;      // of its type
        std::uint32_t align = 1;      // of its type, as emitted
        std::uint32_t field_bits = 0; // 0: no bit-field
    };

    StructLayout(bool is_union, std::uint64_t bytes) : is_union_(is_union), bytes_(bytes) {}

    void add(Member member) { members_.push_back(std::move(member)); } // in the order of the offsets

    struct Body {
        std::string text;        // "{ ... }", with attributes behind it
        std::uint32_t align = 1; // what the compiler will take for the type's alignment
    };
    // `gaps` numbers the fillers of one header, whose names must differ within nested types.
    [[nodiscard]] Body body(unsigned& gaps) const;

  private:
    [[nodiscard]] bool print(bool packed, unsigned& gaps, Body& body) const;

    bool is_union_;
    std::uint64_t bytes_;
    std::vector<Member> members_;
};

} // namespace stakeout

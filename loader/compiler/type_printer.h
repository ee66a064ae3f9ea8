// The kernel's types as C, as much of them as one script can use. A struct that is wanted keeps all its
// members, by name and place; of these the ones that the script mentions keep their types too, and the others
// are numbers, `void *` and bytes. Structs behind mentioned pointers are printed as well, so that
// task->mm->pgd works where the script names none of their types. Names that the script gives to its own
// things are left to it.
#pragma once

#include "loader/compiler/btf_image.h"
#include "loader/compiler/script_words.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace stakeout {

class TypePrinter {
  public:
    // `known` are typedefs that are there already. All must outlive the printer.
    TypePrinter(const BtfImage& btf, const ScriptWords& script, const ScriptWords::Set& known)
        : btf_(btf), script_(script), known_(known) {}

    void want(std::uint32_t id); // a struct, union, enum or typedef that has a name
    void want_enumerator(std::uint32_t id, std::uint32_t index); // this one of an enum, not the others

    [[nodiscard]] std::string_view enumerator_name(std::uint32_t id, std::uint32_t index) const;

    // Everything wanted and what it needs, in an order that compiles.
    std::string text();

  private:
    struct Spelled {
        std::string text;
        std::uint32_t align = 1;
    };
    // A declaration of `name` with this type; nothing when the type cannot be had by value.
    std::optional<Spelled> spell(std::uint32_t id, std::string name);
    std::optional<Spelled> spell_pointer(std::uint32_t to, const std::string& name);
    std::optional<Spelled> spell_aggregate(std::uint32_t id, const std::string& name);
    Spelled spell_opaque(std::uint32_t id, const std::string& name) const;
    Spelled spell_number(std::uint32_t id, const std::string& name) const;
    Spelled spell_body(std::uint32_t id); // "struct { ... }" without a name
    bool define_aggregate(std::uint32_t id);
    bool define_typedef(std::uint32_t id);
    void define_enum(std::uint32_t id);
    [[nodiscard]] std::string enumerator_value(std::uint32_t id, std::uint32_t index) const;
    bool owns_tag(std::uint32_t id);
    [[nodiscard]] bool is_taken(std::string_view word) const { return script_.defined_words.contains(word); }

    const BtfImage& btf_;
    const ScriptWords& script_;
    const ScriptWords::Set& known_;
    std::string forward_;
    std::string definitions_;
    std::deque<std::uint32_t> later_; // behind pointers
    std::unordered_map<std::string_view, std::uint32_t> tag_owner_;
    std::unordered_map<std::uint32_t, std::uint32_t> align_; // of aggregates that are defined
    std::unordered_map<std::uint32_t, std::uint32_t>
        typedef_align_; // of typedefs that are defined; 0: cannot be
    std::unordered_set<std::uint32_t> started_;
    std::unordered_set<std::string_view> declared_; // tags, forward
    std::unordered_set<std::string_view> enumerators_;
    unsigned gaps_ = 0;
};

} // namespace stakeout

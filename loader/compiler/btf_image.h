// BTF as the kernel hands it out, read in place: no more work than one pass over the types. libbpf's reader
// takes 16 ms for the kernel's 5 MB, which is more than a script's whole compilation.
#pragma once

#include "base/result.h"

#include <linux/btf.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

class BtfImage {
  public:
    // Error (CannotArm): there is no such file, or it is no BTF.
    static Result<BtfImage> open(const std::string& path);
    BtfImage(BtfImage&& other) noexcept;
    BtfImage& operator=(BtfImage&&) = delete;
    BtfImage(const BtfImage&) = delete;
    BtfImage& operator=(const BtfImage&) = delete;
    ~BtfImage();

    // Type numbers run from 1 to this, exclusive; 0 is void.
    [[nodiscard]] std::uint32_t end() const { return static_cast<std::uint32_t>(types_.size()); }
    [[nodiscard]] std::uint32_t kind(std::uint32_t id) const { return BTF_INFO_KIND(types_[id]->info); }
    [[nodiscard]] const btf_type& type(std::uint32_t id) const { return *types_[id]; }
    [[nodiscard]] std::string_view name(std::uint32_t id) const { return text(types_[id]->name_off); }
    [[nodiscard]] std::string_view text(std::uint32_t offset) const;
    [[nodiscard]] std::uint32_t vlen(std::uint32_t id) const { return BTF_INFO_VLEN(types_[id]->info); }
    [[nodiscard]] bool kind_flag(std::uint32_t id) const { return BTF_INFO_KFLAG(types_[id]->info); }

    // What follows the type; only of the kinds that have it.
    [[nodiscard]] std::span<const btf_member> members(std::uint32_t id) const;
    [[nodiscard]] std::span<const btf_enum> enumerators(std::uint32_t id) const;
    [[nodiscard]] std::span<const btf_enum64> enumerators64(std::uint32_t id) const;
    [[nodiscard]] std::span<const btf_param> parameters(std::uint32_t id) const;
    [[nodiscard]] const btf_array& array(std::uint32_t id) const;
    [[nodiscard]] std::uint32_t integer_encoding(std::uint32_t id) const; // BTF_INT_SIGNED ...

    // Through typedefs, const, volatile, restrict and tags to the type itself.
    [[nodiscard]] std::uint32_t bare(std::uint32_t id) const;
    // Through the same without typedefs.
    [[nodiscard]] std::uint32_t unqualified(std::uint32_t id) const;
    [[nodiscard]] std::uint64_t size(std::uint32_t id) const; // bytes

  private:
    explicit BtfImage(std::span<const unsigned char> bytes) : bytes_(bytes) {}
    bool index();
    template <class T>
    [[nodiscard]] const T* after(std::uint32_t id) const;

    std::span<const unsigned char> bytes_; // mapped
    std::span<const unsigned char> strings_;
    std::vector<const btf_type*> types_;
};

} // namespace stakeout

#include "loader/compiler/kernel_headers.h"

#include "base/text_file.h"
#include "loader/compiler/btf_image.h"
#include "loader/compiler/embedded_headers.h"
#include "loader/compiler/script_words.h"
#include "loader/compiler/type_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>

namespace stakeout {
namespace {

// Known without BTF: typedefs that programs use, with the types the kernel gives them.
struct BasicType {
    std::string_view name;
    std::string_view type;
};
constexpr std::array basic_types{
    BasicType{"__u8", "unsigned char"},
    BasicType{"__u16", "unsigned short"},
    BasicType{"__u32", "unsigned int"},
    BasicType{"__u64", "unsigned long long"},
    BasicType{"__s8", "signed char"},
    BasicType{"__s16", "short"},
    BasicType{"__s32", "int"},
    BasicType{"__s64", "long long"},
    BasicType{"u8", "__u8"},
    BasicType{"u16", "__u16"},
    BasicType{"u32", "__u32"},
    BasicType{"u64", "__u64"},
    BasicType{"s8", "__s8"},
    BasicType{"s16", "__s16"},
    BasicType{"s32", "__s32"},
    BasicType{"s64", "__s64"},
    BasicType{"uint8_t", "u8"},
    BasicType{"uint16_t", "u16"},
    BasicType{"uint32_t", "u32"},
    BasicType{"uint64_t", "u64"},
    BasicType{"int8_t", "s8"},
    BasicType{"int16_t", "s16"},
    BasicType{"int32_t", "s32"},
    BasicType{"int64_t", "s64"},
    BasicType{"uintptr_t", "unsigned long"},
    BasicType{"__kernel_size_t", "unsigned long"},
    BasicType{"size_t", "__kernel_size_t"},
    BasicType{"__kernel_ssize_t", "long"},
    BasicType{"ssize_t", "__kernel_ssize_t"},
    BasicType{"__kernel_pid_t", "int"},
    BasicType{"pid_t", "__kernel_pid_t"},
    BasicType{"gfp_t", "unsigned int"},
    BasicType{"fmode_t", "unsigned int"},
    BasicType{"umode_t", "unsigned short"},
    BasicType{"dev_t", "u32"},
    BasicType{"sector_t", "u64"},
    BasicType{"loff_t", "long long"},
    BasicType{"ktime_t", "s64"},
    BasicType{"phys_addr_t", "u64"},
    BasicType{"dma_addr_t", "u64"},
    BasicType{"__be16", "__u16"},
    BasicType{"__be32", "__u32"},
    BasicType{"__be64", "__u64"},
    BasicType{"__le16", "__u16"},
    BasicType{"__le32", "__u32"},
    BasicType{"__le64", "__u64"},
    BasicType{"__sum16", "__u16"},
    BasicType{"__wsum", "__u32"},
};

// What a script gets in its hands without naming it.
struct Implied {
    std::string_view word;
    std::string_view tag;
};
constexpr std::array implied{
    Implied{"bpf_get_current_task_btf", "task_struct"},
    Implied{"bpf_task_pt_regs", "pt_regs"},
    Implied{"bpf_task_from_pid", "task_struct"},
    Implied{"bpf_task_acquire", "task_struct"},
};

// The types that libbpf programs need on a kernel without BTF, from its user interface.
constexpr std::string_view without_btf = "#include <linux/bpf.h>\n#include <linux/ptrace.h>\n"
                                         "#include <linux/bpf_perf_event.h>\n";
constexpr std::array<std::string_view, 2> tags_without_btf{"pt_regs", "perf_event_attr"};

// Headers of ours that name kernel types.
constexpr std::array<std::string_view, 6> own_headers{
    "stakeout.h",       "bpf/stakeout.h",        "bpf/script_state.h",
    "bpf/script_run.h", "bpf/script_followup.h", "bpf/script_task.h"};

// The texts that a script consists of, and their words.
class Reading {
  public:
    explicit Reading(const ScriptSource& source) : folder_(std::filesystem::path(source.path).parent_path()) {
        read(source.text);
    }
    [[nodiscard]] const ScriptWords& words() const { return words_; }
    [[nodiscard]] bool wants_kernel_types() const { return wants_kernel_types_; }

  private:
    void read(std::string_view text) {
        const std::size_t first = words_.includes.size();
        words_.scan(text);
        const std::size_t last = words_.includes.size();
        for (std::size_t index = first; index < last; ++index) follow(words_.includes[index]);
    }

    void follow(std::string_view name) {
        if (std::ranges::find(followed_, name) != followed_.end()) return;
        followed_.push_back(name);
        if (name == "vmlinux.h")
            wants_kernel_types_ = true;
        else if (std::ranges::find(own_headers, name) != own_headers.end())
            read(*embedded_header(name));
        else if (!embedded_header(name))
            read_local(name);
    }

    // Not more than the compiler will be allowed to read, which is what decides in the end.
    void read_local(std::string_view name) {
        const std::filesystem::path path(name);
        if (path.is_absolute() || std::ranges::find(path, "..") != path.end()) return;
        auto text = read_text_file((folder_ / path).string());
        if (text) read(local_texts_.emplace_back(std::move(*text)));
    }

    std::filesystem::path folder_;
    ScriptWords words_;
    std::vector<std::string_view> followed_;
    std::deque<std::string> local_texts_; // which words_ refers to
    bool wants_kernel_types_ = false;
};

bool is_in_capitals(std::string_view word) {
    return std::ranges::none_of(word, [](char c) { return c >= 'a' && c <= 'z'; }) &&
           std::ranges::any_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::string basic_text() {
    std::string text;
    for (const BasicType& basic : basic_types)
        text += fmt::format("typedef {} {};\n", basic.type, basic.name);
    // <stdbool.h> may be there, with macros.
    text +=
        "#ifndef bool\ntypedef _Bool bool;\n#endif\n#ifndef true\n#define true 1\n#define false 0\n#endif\n";
    return text;
}

// An error when the script names a type that only BTF has.
Result<std::string> header_without_btf(const ScriptSource& source, Error why) {
    ScriptWords words;
    words.scan(source.text);
    for (const std::string_view tag : words.tags) {
        if (words.defined_tags.contains(tag) || tag.starts_with("bpf_") ||
            std::ranges::find(tags_without_btf, tag) != tags_without_btf.end())
            continue;
        why.tried = fmt::format("compile {}", source.path);
        why.cause = fmt::format("it names the kernel's `{}`, and {}", tag, why.cause);
        why.remedy = "use a kernel with CONFIG_DEBUG_INFO_BTF, or define what the script needs of the type "
                     "in the script";
        return why;
    }
    return fmt::format("{}{}", basic_text(), without_btf);
}

void want_types(const BtfImage& btf, const ScriptWords& words, TypePrinter& printer) {
    ScriptWords::Set tags = words.tags;
    for (const Implied& one : implied)
        if (words.words.contains(one.word)) tags.insert(one.tag);
    const bool capitals = std::ranges::any_of(words.words, is_in_capitals);
    for (std::uint32_t id = 1; id < btf.end(); ++id) {
        switch (btf.kind(id)) {
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION:
            if (tags.contains(btf.name(id))) printer.want(id);
            break;
        case BTF_KIND_TYPEDEF:
            if (words.words.contains(btf.name(id))) printer.want(id);
            break;
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
            if (tags.contains(btf.name(id))) printer.want(id);
            break;
        default:
            break;
        }
    }
    if (!capitals) return;
    for (std::uint32_t id = 1; id < btf.end(); ++id) {
        if (btf.kind(id) != BTF_KIND_ENUM && btf.kind(id) != BTF_KIND_ENUM64) continue;
        for (std::uint32_t index = 0; index < btf.vlen(id); ++index) {
            const std::string_view name = printer.enumerator_name(id, index);
            if (words.words.contains(name) && is_in_capitals(name)) printer.want_enumerator(id, index);
        }
    }
}

} // namespace

Result<std::string> vmlinux_header(const ScriptSource& source, const CompileOptions& options,
                                   const std::string& btf_path) {
    const Reading reading(source);
    if (!reading.wants_kernel_types()) return std::string();
    const std::string guard = "#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n";
    auto btf = BtfImage::open(btf_path);
    if (!btf) {
        auto text = header_without_btf(source, std::move(btf).error());
        if (!text) return text;
        return guard + *text + "#endif\n";
    }
    ScriptWords::Set known{"bool", "__builtin_va_list"};
    for (const BasicType& basic : basic_types) known.insert(basic.name);
    TypePrinter printer(*btf, reading.words(), known);
    want_types(*btf, reading.words(), printer);

    const bool flavours = std::ranges::any_of(reading.words().words, [](std::string_view word) {
        return word.find("___") != std::string_view::npos;
    });
    std::string text = guard + basic_text();
    if (options.portable)
        text += "#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)\n";
    // These are the running kernel's own offsets: without relocations libbpf need not read the kernel's BTF
    // once more. Flavours of a type (task_struct___old) are another kernel's, and need them.
    else if (!flavours)
        text += "#define __builtin_preserve_access_index(x) (x)\n";
    text += printer.text();
    if (options.portable) text += "#pragma clang attribute pop\n";
    text += "#endif\n";
    return text;
}

} // namespace stakeout

// A Linux kernel made up inside a FakeGuest: image with symbol tables, banner, types, per-CPU areas and
// tasks.
#pragma once

#include "fake_guest.h"
#include "kallsyms_image.h"

#include <bpf/btf.h>

#include <string>
#include <vector>

namespace stakeout::test {

// As bpf/btf.h makes them: the structs with the fields that guest_types.h asks for, at places of their own.
inline std::vector<std::uint8_t> made_up_btf(bool hot) {
    btf* types = btf__new_empty();
    const int word = btf__add_int(types, "int", 4, BTF_INT_SIGNED);
    const int letter = btf__add_int(types, "char", 1, BTF_INT_CHAR);
    const int nothing = btf__add_ptr(types, 0);
    const int name = btf__add_array(types, word, letter, 16);
    const int list = btf__add_struct(types, "list_head", 16);
    (void)btf__add_field(types, "next", nothing, 0, 0);
    (void)btf__add_field(types, "prev", nothing, 64, 0);
    const int inner = btf__add_struct(types, nullptr, 64); // anonymous, as in mm_struct
    (void)btf__add_field(types, "pgd", nothing, std::uint32_t{24} * 8, 0);
    (void)btf__add_struct(types, "mm_struct", 256);
    (void)btf__add_field(types, nullptr, inner, std::uint32_t{64} * 8, 0);
    (void)btf__add_struct(types, "task_struct", 1024);
    (void)btf__add_field(types, "stack", nothing, 32 * 8, 0);
    (void)btf__add_field(types, "tasks", list, 96 * 8, 0);
    (void)btf__add_field(types, "mm", nothing, 128 * 8, 0);
    (void)btf__add_field(types, "pid", word, 200 * 8, 0);
    (void)btf__add_field(types, "tgid", word, 204 * 8, 0);
    (void)btf__add_field(types, "comm", name, 300 * 8, 0);
    const int module_name = btf__add_array(types, word, letter, 56);
    (void)btf__add_struct(types, "module", 512);
    (void)btf__add_field(types, "state", word, 0, 0);
    (void)btf__add_field(types, "list", list, 8 * 8, 0);
    (void)btf__add_field(types, "name", module_name, 24 * 8, 0);
    (void)btf__add_field(types, "kallsyms", nothing, 128 * 8, 0);
    (void)btf__add_struct(types, "mod_kallsyms", 32);
    (void)btf__add_field(types, "symtab", nothing, 0, 0);
    (void)btf__add_field(types, "num_symtab", word, 8 * 8, 0);
    (void)btf__add_field(types, "strtab", nothing, 16 * 8, 0);
    (void)btf__add_field(types, "typetab", nothing, 24 * 8, 0);
    if (hot) {
        (void)btf__add_struct(types, "pcpu_hot", 64);
        (void)btf__add_field(types, "current_task", nothing, 0, 0);
        (void)btf__add_field(types, "cpu_number", word, 12 * 8, 0);
    }
    std::uint32_t size = 0;
    const auto* raw = static_cast<const std::uint8_t*>(btf__raw_data(types, &size));
    std::vector<std::uint8_t> bytes(raw, raw + size);
    btf__free(types);
    return bytes;
}

struct FakeTask {
    std::uint64_t address;
    std::uint32_t pid, tid;
    std::string comm;
    std::uint64_t mm = 0, stack = 0;
};

class FakeKernel {
  public:
    static constexpr std::uint64_t linked = 0xffff'ffff'8100'0000ULL; // _text in a file
    static constexpr std::uint64_t direct_map = 0xffff'8880'0000'0000ULL;
    static constexpr std::uint64_t per_cpu_0 = direct_map + 0x100'0000, per_cpu_1 = direct_map + 0x120'0000;
    static constexpr const char* banner = "Linux version 6.1.0-56-amd64 (someone@debian) #1 SMP\n";

    explicit FakeKernel(std::uint64_t offset = 0x1700'0000, bool hot = false) : text(linked + offset) {
        auto symbols = many_symbols(4300, text);
        symbols.erase(symbols.begin()); // the per-CPU symbol at 0 makes room for these
        if (hot)
            symbols.insert(symbols.begin(), {0x40, 'A', "pcpu_hot"});
        else
            symbols.insert(symbols.begin(), {{0x40, 'A', "current_task"}, {0x4c, 'A', "cpu_number"}});
        const std::uint64_t data = text + 0x20'0000;
        const auto types = made_up_btf(hot);
        const auto add = [&](std::uint64_t at, char type, const char* name) {
            symbols.push_back({at, type, name});
        };
        add(data, 'D', "linux_banner");
        add(data + 0x400, 'D', "page_offset_base");
        add(data + 0x408, 'D', "max_pfn");
        add(data + 0x410, 'D', "phys_base");
        add(data + 0x800, 'D', "__per_cpu_offset");
        add(data + 0xc00, 'D', "modules");
        add(data + 0x1000, 'D', "init_task");
        add(data + 0x2000, 'R', "__start_BTF");
        add(data + 0x2000 + types.size(), 'R', "__stop_BTF");
        add(data + 0x30'0000, 'B', "_end");
        for (ImageSymbol& symbol : symbols)
            if (symbol.address == text) symbol.name = "_text";
        map = symbols;
        ImageOptions options;
        guest.write(text + 0x10'0000, ImageMaker(options).make(symbols, text + 0x10'0000));
        guest.write_text(data, banner);
        guest.write_value(data + 0x400, direct_map);
        guest.write_value<std::uint64_t>(data + 0x408, 0x1'0000);
        guest.write_value<std::uint64_t>(data + 0x410, 0 - 0x0620'0000ULL);
        guest.write_value(data + 0x800, per_cpu_0);
        guest.write_value(data + 0x808, per_cpu_1);
        guest.write(data + 0x2000, types);
        init_task = data + 0x1000;
        modules = data + 0xc00;
        guest.write_value(modules, modules); // none
        tasks({{init_task, 0, 0, "swapper/0"}});
    }

    // All of the list, the first at init_task.
    void tasks(const std::vector<FakeTask>& list) {
        for (std::size_t i = 0; i < list.size(); ++i) {
            const FakeTask& task = list[i];
            const std::uint64_t next = list[(i + 1) % list.size()].address + 96;
            guest.write(task.address, std::vector<std::uint8_t>(1024, 0));
            guest.write_value(task.address + 32, task.stack);
            guest.write_value(task.address + 96, next);
            guest.write_value(task.address + 128, task.mm);
            guest.write_value(task.address + 200, task.tid);
            guest.write_value(task.address + 204, task.pid);
            guest.write_text(task.address + 300, task.comm);
        }
    }
    void runs(std::uint64_t per_cpu, std::uint64_t task) { guest.write_value(per_cpu + 0x40, task); }

    FakeGuest guest;
    std::uint64_t text, init_task = 0, modules = 0;
    std::vector<ImageSymbol> map; // where the guest has them
};

} // namespace stakeout::test

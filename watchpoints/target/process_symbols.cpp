#include "watchpoints/target/process_symbols.h"

#include "base/near_names.h"
#include "watchpoints/target/elf_image.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

namespace stakeout {
namespace {

struct MappedFile {
    std::string path;
    Mapping first; // the mapping that tells the load bias
};

// Each mapped file once, the executable first.
std::vector<MappedFile> mapped_files(const ProcessMaps& maps, const std::string& executable) {
    std::vector<MappedFile> files;
    for (const Mapping& mapping : maps.all()) {
        if (mapping.path.empty() || mapping.path.front() != '/') continue;
        const bool known = std::any_of(files.begin(), files.end(),
                                       [&](const MappedFile& f) { return f.path == mapping.path; });
        if (!known) files.push_back({mapping.path, mapping});
    }
    std::stable_partition(files.begin(), files.end(),
                          [&](const MappedFile& f) { return f.path == executable; });
    return files;
}

std::string executable_of(int pid) {
    std::array<char, 4096> path{};
    const ssize_t length = ::readlink(fmt::format("/proc/{}/exe", pid).c_str(), path.data(), path.size());
    std::string name =
        length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : std::string();
    constexpr std::string_view deleted = " (deleted)";
    if (name.ends_with(deleted)) name.resize(name.size() - deleted.size());
    return name;
}

// Opens the file as the process has it, even when it has been replaced or lives in another mount namespace.
Result<std::unique_ptr<ElfImage>> open_image(int pid, const MappedFile& file) {
    auto image =
        ElfImage::open(fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, file.first.start, file.first.end));
    if (image) return image;
    return ElfImage::open(fmt::format("/proc/{}/root{}", pid, file.path));
}

bool is_named(const MappedFile& file, std::string_view wanted) {
    if (file.path == wanted) return true;
    const std::string_view base = std::string_view(file.path).substr(file.path.rfind('/') + 1);
    return base == wanted;
}

struct Candidate {
    std::string file;
    ElfSymbol symbol;
    std::uint64_t address = 0;
};

class Search {
  public:
    Search(const ProcessSymbolQuery& query, const ProcessMaps& maps)
        : query_(query), executable_(executable_of(query.pid)), files_(mapped_files(maps, executable_)) {}

    Result<Target> run() {
        if (files_.empty())
            return arm_error(tried(), "the process has no mapped files (a kernel thread?)",
                             "give an address with --addr");
        const std::string& module = query_.symbol.module;
        bool module_seen = module.empty();
        for (const MappedFile& file : files_) {
            const bool wanted = module.empty() || is_named(file, module);
            if (!wanted) continue;
            module_seen = true;
            look_in(file);
            if (module.empty() && !found_.empty()) break; // as the dynamic linker: the first file that has it
        }
        if (!module_seen) return unknown_module();
        if (!module.empty()) follow_copy_relocation();
        return choose();
    }

  private:
    [[nodiscard]] std::string tried() const {
        return fmt::format("find '{}' in process {}", query_.symbol.text, query_.pid);
    }

    void look_in(const MappedFile& file) {
        auto image = open_image(query_.pid, file);
        if (!image) return;
        const auto linked = (*image)->address_of_offset(file.first.offset);
        if (!linked) return;
        for (const ElfSymbol& symbol : (*image)->find(query_.symbol.name)) {
            thread_local_ = thread_local_ || symbol.is_thread_local;
            if (symbol.is_thread_local || (query_.function ? !symbol.is_text : !symbol.is_data)) {
                other_kind_ = other_kind_ || !symbol.is_thread_local;
                continue;
            }
            found_.push_back({file.path, symbol, symbol.address + (file.first.start - *linked)});
        }
        if (found_.empty())
            for (std::string& name : (*image)->nearest(query_.symbol.name))
                if (near_.size() < 4) near_.push_back(std::move(name));
    }

    // A variable of a library that the executable refers to directly lives in the executable (R_X86_64_COPY).
    void follow_copy_relocation() {
        if (files_.empty() || files_.front().path != executable_ ||
            is_named(files_.front(), query_.symbol.module))
            return;
        auto image = open_image(query_.pid, files_.front());
        if (!image || !(*image)->has_copy_relocation(query_.symbol.name)) return;
        found_.clear();
        look_in(files_.front());
        note_ = fmt::format("{} keeps its own copy of {}: that one is used by all, and watched", executable_,
                            query_.symbol.name);
    }

    [[nodiscard]] Error unknown_module() const {
        std::string names;
        for (const MappedFile& file : files_)
            names +=
                fmt::format("{}{}", names.empty() ? "" : ", ", file.path.substr(file.path.rfind('/') + 1));
        return arm_error(tried(), fmt::format("it has no mapped file '{}'", query_.symbol.module),
                         "it has: " + names);
    }

    [[nodiscard]] Error unknown() const {
        if (thread_local_)
            return arm_error(tried(), "it is thread-local: each thread has its own at another address",
                             "give one thread's address with --addr (gdb: p &NAME)");
        if (other_kind_)
            return query_.function ? arm_error(tried(), "it is a variable, not a function", "leave out --x")
                                   : arm_error(tried(), "it is a function, not a variable",
                                               "use --x to trap its execution");
        std::string hint = near_.empty() ? "" : fmt::format("near names: {}; ", fmt::join(near_, ", "));
        return arm_error(tried(), "none of its mapped files has a symbol of that name",
                         hint + "stripped files have no local names: give an address with --addr");
    }

    Result<Target> choose() {
        if (found_.empty()) return unknown();
        if (found_.size() > 1) {
            std::string list;
            for (const Candidate& c : found_)
                list += fmt::format("{}{:#x} ({} bytes, {})", list.empty() ? "" : ", ", c.address,
                                    c.symbol.size, c.file);
            return arm_error(tried(), "the name is ambiguous: " + list,
                             "give the address of the one you mean with --addr");
        }
        const Candidate& c = found_.front();
        Target target;
        target.name = query_.symbol.text;
        target.address = c.address + query_.symbol.offset;
        target.note = note_;
        if (query_.function) {
            target.size = 1;
        } else if (query_.length) {
            target.size = *query_.length;
        } else if (c.symbol.size > query_.symbol.offset) {
            target.size = c.symbol.size - query_.symbol.offset;
        } else {
            return arm_error(tried(), "its symbol does not tell a size", "give --len 1, 2, 4 or 8");
        }
        return target;
    }

    const ProcessSymbolQuery& query_;
    std::string executable_;
    std::vector<MappedFile> files_;
    std::vector<Candidate> found_;
    std::vector<std::string> near_;
    std::string note_;
    bool thread_local_ = false;
    bool other_kind_ = false;
};

} // namespace

std::vector<std::string> near_process_names(int pid, const std::string& module, const std::string& name,
                                            const ProcessMaps& maps) {
    constexpr std::size_t most = 4;
    NearNames near(name, most);
    for (const MappedFile& file : mapped_files(maps, executable_of(pid))) {
        if (!module.empty() && !is_named(file, module)) continue;
        auto image = open_image(pid, file);
        if (!image) continue;
        for (const std::string& one : (*image)->nearest(name)) near.consider(one);
    }
    return std::move(near).take();
}

std::vector<CodeRange> find_process_functions(int pid, const std::string& module, const std::string& name,
                                              const ProcessMaps& maps) {
    std::vector<CodeRange> ranges;
    for (const MappedFile& file : mapped_files(maps, executable_of(pid))) {
        if (!module.empty() && !is_named(file, module)) continue;
        auto image = open_image(pid, file);
        if (!image) continue;
        const auto linked = (*image)->address_of_offset(file.first.offset);
        if (!linked) continue;
        const std::uint64_t bias = file.first.start - *linked;
        for (const std::string_view suffix : {"", ".cold"})
            for (const ElfSymbol& symbol : (*image)->find(name + std::string(suffix)))
                if (symbol.is_text && symbol.size != 0)
                    ranges.push_back({symbol.address + bias, symbol.address + symbol.size + bias});
    }
    return ranges;
}

Result<Target> find_process_symbol(const ProcessSymbolQuery& query, const ProcessMaps& maps) {
    if (!query.symbol.path.empty())
        return arm_error(fmt::format("follow the path in '{}'", query.symbol.text),
                         "fields of process variables are not resolved",
                         "write NAME+OFFSET with --len; gdb tells the offset: `ptype /o`");
    return Search(query, maps).run();
}

} // namespace stakeout

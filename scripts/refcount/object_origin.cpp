#include "scripts/refcount/object_origin.h"

#include "base/near_names.h"
#include "base/text_file.h"
#include "scripts/refcount/births_layout.h"
#include "watchpoints/target/expression.h"
#include "watchpoints/target/kernel_types.h"
#include "watchpoints/target/process_symbols.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>

namespace stakeout {
namespace {

constexpr const char* slab_folder = "/sys/kernel/slab";

// Their zero is not "no reference", and below it is not an error (lib/rcuref.c, fs/file.c).
constexpr std::array<std::string_view, 3> other_counts{"file_ref_t", "rcuref_t", "struct percpu_ref"};

bool nothing_to_read(std::uint64_t /*address*/, std::uint64_t& /*word*/) { return false; }

Status check_counter(const OriginQuery& query, const ObjectOrigin& origin) {
    const std::uint32_t bytes = origin.place.bytes;
    if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8)
        return usage_error("follow " + query.type, fmt::format("{} bytes are no counter", bytes),
                           "name its field (TYPE.FIELD), or give --at and --len 1, 2, 4 or 8");
    if (origin.place.offset % bytes != 0)
        return usage_error("follow " + query.type,
                           fmt::format("{} bytes at offset {} take two slots", bytes, origin.place.offset),
                           "a counter is aligned to its length");
    return done();
}

Status refuse_other_counts(const OriginQuery& query, std::string_view type) {
    for (const std::string_view other : other_counts)
        if (type == other)
            return usage_error("follow " + query.type,
                               fmt::format("it is a {}, whose value is not the number of references", other),
                               "only plain counts are understood: refcount_t, struct kref, atomic_t");
    return done();
}

// vmlinux's BTF, then that of the module which makes the objects.
Result<ObjectOrigin> counter_by_type(const OriginQuery& query, const std::string& module) {
    const TypePath parts = split_type_path(query.type);
    auto expression = parse_symbol("x" + parts.field_path);
    if (!expression) return std::move(expression).error();
    auto types = KernelTypes::load(module);
    if (!types && !module.empty()) types = KernelTypes::load();
    if (!types) return std::move(types).error();
    auto id =
        (*types)->find(query.type.starts_with("union ") ? "union " + parts.type : "struct " + parts.type);
    if (!id) {
        Error error = std::move(id).error();
        error.remedy += "; or tell where the counter is: --at OFFSET --len BYTES";
        return error;
    }
    std::vector<PathStep> path = expression->path;
    auto field = (*types)->walk(0, *id, false, path, nothing_to_read);
    if (!field) return std::move(field).error();
    if (auto fine = refuse_other_counts(query, field->type_name); !fine) return std::move(fine).error();
    ObjectOrigin origin;
    origin.place.offset = field->address;
    origin.place.bytes = static_cast<std::uint32_t>(field->size);
    origin.counter_type = field->type_name;
    origin.is_signed = field->is_signed;
    if (!path.empty()) path.pop_back();
    if (auto parent = (*types)->walk(0, *id, false, path, nothing_to_read); parent)
        if (auto fine = refuse_other_counts(query, parent->type_name); !fine) return std::move(fine).error();
    return origin;
}

Result<ObjectOrigin> find_counter(const OriginQuery& query, const std::string& module) {
    ObjectOrigin origin;
    if (query.at || query.length) {
        origin.place.offset = query.at.value_or(0);
        origin.place.bytes = static_cast<std::uint32_t>(query.length.value_or(4));
    } else if (query.pid) {
        return usage_error("follow " + query.type, "the kernel's types do not tell about a program's",
                           "say where the counter is in the object: --at OFFSET --len BYTES (gdb: ptype /o)");
    } else {
        auto found = counter_by_type(query, module);
        if (!found) return found;
        origin = std::move(*found);
    }
    if (auto fine = check_counter(query, origin); !fine) return std::move(fine).error();
    return origin;
}

// ---- A process ----

Status find_maker_in_process(const OriginQuery& query, ObjectOrigin& origin) {
    if (query.born_by.empty())
        return usage_error("follow " + query.type, "who makes these objects is not known",
                           "name the function that returns them: --born-by session_new");
    auto maps = ProcessMaps::read(*query.pid);
    if (!maps) return std::move(maps).error();
    auto expression = parse_symbol(query.born_by);
    if (!expression) return std::move(expression).error();
    auto function = find_process_symbol({*query.pid, *expression, true, std::nullopt}, *maps);
    if (!function) return std::move(function).error();
    const Mapping* mapping = maps->containing(function->address);
    if (mapping == nullptr || mapping->path.empty() || mapping->path.front() != '/')
        return arm_error("probe " + query.born_by, "it is in no mapped file", "name another function");
    origin.place.process = Birthplace::Function{*query.pid, path_for_us(*query.pid, *mapping),
                                                function->address - mapping->start + mapping->offset};
    origin.not_covered.emplace_back("objects that are given back to a pool of the program's own instead of "
                                    "to free(): they end by the clock");
    return done();
}

// ---- The kernel ----

Result<KernelSymbol> find_maker_in_kernel(const OriginQuery& query, const KernelSymbols& symbols) {
    std::vector<KernelSymbol> found = symbols.find(query.born_by);
    std::erase_if(found, [](const KernelSymbol& symbol) { return !symbol.is_text(); });
    if (found.size() == 1) return found.front();
    const std::string tried = "find the function " + query.born_by;
    if (!found.empty())
        return arm_error(tried, fmt::format("there are {} of that name", found.size()),
                         "say whose: MODULE:NAME, vmlinux:NAME for the kernel's own");
    const auto near = symbols.nearest(query.born_by, 4);
    return arm_error(tried, "the kernel has no function of that name",
                     near.empty()
                         ? "inlined functions have none: name their caller"
                         : fmt::format("near names: {}; inlined functions have none: name their caller",
                                       fmt::join(near, ", ")));
}

std::vector<std::string> cache_names() {
    std::vector<std::string> names;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(slab_folder, failed)) {
        std::string name = entry.path().filename().string();
        if (!name.starts_with(":")) names.push_back(std::move(name));
    }
    return names;
}

std::uint64_t aliases_of(const std::string& cache) {
    const auto text = read_text_file(fmt::format("{}/{}/aliases", slab_folder, cache));
    std::uint64_t number = 0;
    if (text) std::from_chars(text->data(), text->data() + text->size(), number);
    return number;
}

// Where the kernel does not list its caches (no SLUB sysfs) any name is taken.
Status check_cache(const std::string& cache) {
    const std::vector<std::string> names = cache_names();
    if (names.empty()) return done();
    const std::string tried = "follow the objects of the slab cache " + cache;
    if (std::find(names.begin(), names.end(), cache) == names.end()) {
        NearNames near(cache, 4);
        for (const std::string& name : names) near.consider(name);
        const std::vector<std::string> list = std::move(near).take();
        return arm_error(
            tried, "there is no such cache",
            fmt::format("{}name it with --cache (/proc/slabinfo lists them), or name the function that "
                        "makes the objects with --born-by",
                        list.empty() ? "" : fmt::format("near names: {}; ", fmt::join(list, ", "))));
    }
    if (cache.size() >= BIRTHS_NAME)
        return arm_error(tried, "its name is too long to be compared", "name the function: --born-by");
    if (aliases_of(cache) != 0)
        return arm_error(
            tried,
            fmt::format("the kernel has merged it with {} others: their objects cannot be told apart",
                        aliases_of(cache)),
            "name the function that makes the objects with --born-by, or boot with slab_nomerge");
    return done();
}

Status find_maker_in_kernel(const OriginQuery& query, const KernelSymbols& symbols, ObjectOrigin& origin) {
    if (!query.born_by.empty()) {
        auto maker = find_maker_in_kernel(query, symbols);
        if (!maker) return std::move(maker).error();
        constexpr std::uint64_t one_function = 4096; // where the table ends
        origin.place.site_start = maker->address;
        origin.place.site_end = symbols.next_start(maker->address).value_or(maker->address + one_function);
    }
    if (query.born_by.empty() || !query.cache.empty()) {
        origin.place.cache = query.cache.empty() ? split_type_path(query.type).type : query.cache;
        if (query.born_by.empty())
            if (auto fine = check_cache(origin.place.cache); !fine) return fine;
    }
    origin.not_covered.emplace_back(
        "objects that are freed in bulk (kmem_cache_free_bulk): they end by the clock");
    return done();
}

std::string module_of_maker(const OriginQuery& query, const KernelSymbols* symbols) {
    if (query.pid || symbols == nullptr || query.born_by.empty()) return {};
    const auto maker = find_maker_in_kernel(query, *symbols);
    return maker ? std::string(maker->module) : std::string();
}

} // namespace

TypePath split_type_path(const std::string& text) {
    std::string_view rest = text;
    for (const std::string_view word : {"struct ", "union "})
        if (rest.starts_with(word)) rest.remove_prefix(word.size());
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    return {std::string(rest.substr(0, dot)), std::string(rest.substr(dot))};
}

Result<ObjectOrigin> find_origin(const OriginQuery& query, const KernelSymbols* symbols) {
    if (query.pid && !query.cache.empty())
        return usage_error("use --cache with a process", "slab caches are the kernel's", "leave it out");
    auto origin = find_counter(query, module_of_maker(query, symbols));
    if (!origin) return origin;
    auto found =
        query.pid ? find_maker_in_process(query, *origin) : find_maker_in_kernel(query, *symbols, *origin);
    if (!found) return std::move(found).error();
    return origin;
}

} // namespace stakeout

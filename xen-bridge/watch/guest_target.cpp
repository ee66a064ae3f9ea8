#include "xen-bridge/watch/guest_target.h"

#include "watchpoints/target/expression.h"
#include "watchpoints/target/known_globals.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::uint64_t default_length = 8;
constexpr std::uint64_t most_bytes = 32;
constexpr std::uint64_t most_of_a_range = 64ULL << 20; // its copy is ours

std::string describe_missing_kernel(const GuestView& view) {
    return view.why_no_kernel() ? view.why_no_kernel()->cause
                                : std::string("the guest's kernel is not known");
}

// The rest of a place whose linear address is known.
Status complete_by_linear(GuestView& view, GuestMemory& memory, std::uint64_t address, GuestPlace& place) {
    auto page = memory.page(address);
    if (!page) return std::move(page).error();
    place.linear = address;
    place.frame = page->frame;
    place.offset = static_cast<std::uint32_t>(address % guest_page_bytes);
    if (place.offset + place.size > guest_page_bytes)
        return usage_error(fmt::format("watch {}", place.name), "it crosses from one page into the next",
                           "watch its two parts one after the other");
    if (const auto frame = view.physical().physical_frame(page->frame))
        place.physical = *frame * guest_page_bytes + place.offset;
    return done();
}

// Where else the kernel shows it, as far as that can be computed and is so now.
void add_aliases(GuestView& view, GuestPlace& place) {
    if (place.linear) place.aliases.push_back(*place.linear);
    if (view.kernel() == nullptr || !place.physical) return;
    for (const KernelAlias& alias :
         same_frame_aliases(view.kernel_memory(), view.kernel()->layout(), *place.physical, place.frame))
        if (!place.linear || alias.address != *place.linear) place.aliases.push_back(alias.address);
}

Error no_such_symbol(const GuestKernel& kernel, const std::string& name) {
    std::string near;
    for (const std::string& one : kernel.symbols().nearest(name)) near += (near.empty() ? "" : ", ") + one;
    return usage_error(
        fmt::format("find symbol '{}' in the guest", name),
        fmt::format("Linux {} has none of that name in {}", kernel.release(), kernel.symbols_from()),
        near.empty() ? "modules' symbols are not among them: give their address with --gva"
                     : "near names are " + near);
}

Result<std::uint64_t> only_symbol(const GuestKernel& kernel, const SymbolExpression& wanted, bool text) {
    std::vector<KernelSymbol> found;
    for (const KernelSymbol& symbol : kernel.symbols().find(wanted.name))
        if (symbol.is_text() == text) found.push_back(symbol);
    if (found.empty()) return no_such_symbol(kernel, wanted.name);
    if (found.size() > 1) {
        std::string all;
        for (const KernelSymbol& symbol : found)
            all += fmt::format("{}{:#x}", all.empty() ? "" : ", ", symbol.address);
        return usage_error(fmt::format("find symbol '{}' in the guest", wanted.name),
                           fmt::format("{} symbols have that name, at {}", found.size(), all),
                           "give one with --gva");
    }
    return found.front().address + wanted.offset;
}

// Along a path of fields, by the guest's own types.
Status walk_path(GuestView& view, const GuestQuery& query, const SymbolExpression& wanted,
                 std::uint64_t address, GuestResolution& resolution, std::uint64_t& end) {
    const GuestKernel& kernel = *view.kernel();
    end = address;
    if (kernel.types() == nullptr) {
        if (wanted.path.empty()) return done();
        return kernel.why_no_types() ? *kernel.why_no_types()
                                     : arm_error("read the guest's types", "the guest's kernel has none");
    }
    // BTF describes per-CPU variables only; of others we know some, or the user does.
    const auto known = known_global(wanted.name);
    const std::string type_name = !query.type.empty() ? query.type
                                  : known             ? std::string(known->type)
                                                      : std::string();
    if (type_name.empty()) {
        if (wanted.path.empty()) return done();
        return usage_error(fmt::format("follow '{}'", wanted.text),
                           "the guest's types do not tell what that variable is",
                           "say its type with --type 'struct NAME'");
    }
    auto type = kernel.types()->find(type_name);
    if (!type) return std::move(type).error();
    auto place = kernel.types()->walk(address, *type, false, wanted.path,
                                      [&view](std::uint64_t at, std::uint64_t& word) {
                                          const auto value = view.kernel_memory().read<std::uint64_t>(at);
                                          if (value) word = *value;
                                          return value.has_value();
                                      });
    if (!place) return std::move(place).error();
    end = place->address;
    resolution.type = place->type_name;
    resolution.is_signed = place->is_signed;
    resolution.note = place->note;
    resolution.place.size = static_cast<std::uint32_t>(place->size);
    return done();
}

Result<GuestResolution> by_symbol(GuestView& view, const GuestQuery& query) {
    if (view.kernel() == nullptr)
        return arm_error(fmt::format("find symbol '{}' in the guest", query.symbol),
                         describe_missing_kernel(view),
                         "give the guest's System.map or vmlinux with --symbols, or an address with --gpa");
    auto wanted = parse_symbol(query.symbol);
    if (!wanted) return std::move(wanted).error();
    auto address = only_symbol(*view.kernel(), *wanted, query.function);
    if (!address) return std::move(address).error();
    GuestResolution resolution;
    resolution.place.name = query.symbol;
    std::uint64_t at = *address;
    if (!query.function)
        if (auto walked = walk_path(view, query, *wanted, *address, resolution, at); !walked)
            return std::move(walked).error();
    if (query.length) resolution.place.size = static_cast<std::uint32_t>(*query.length);
    if (query.function) resolution.place.size = 1;
    if (resolution.place.size == 0) resolution.place.size = default_length;
    if (resolution.place.size > most_bytes)
        return usage_error(
            fmt::format("watch '{}'", query.symbol),
            fmt::format("it is {} bytes long, and {} is the most", resolution.place.size, most_bytes),
            "name a field of it, or --len");
    if (auto complete = complete_by_linear(view, view.kernel_memory(), at, resolution.place); !complete)
        return std::move(complete).error();
    add_aliases(view, resolution.place);
    return resolution;
}

// More than debug registers hold: frame by frame, for page-diff.
Result<GuestResolution> range_by_physical(GuestView& view, const GuestQuery& query, std::uint64_t address) {
    GuestResolution resolution;
    resolution.place.name = fmt::format("gpa {} for {} bytes", query.gpa, *query.length);
    resolution.place.physical = address;
    resolution.place.size = static_cast<std::uint32_t>(*query.length);
    const std::uint64_t end = address + *query.length;
    for (std::uint64_t at = address; at < end;) {
        const std::uint64_t next = std::min(end, (at / guest_page_bytes + 1) * guest_page_bytes);
        auto frame = view.physical().machine_frame(at / guest_page_bytes);
        if (!frame) return std::move(frame).error();
        GuestPlace& piece = resolution.pieces.emplace_back();
        piece.frame = *frame;
        piece.offset = static_cast<std::uint32_t>(at % guest_page_bytes);
        piece.size = static_cast<std::uint32_t>(next - at);
        piece.physical = at;
        at = next;
    }
    resolution.place.frame = resolution.pieces.front().frame;
    resolution.place.offset = resolution.pieces.front().offset;
    return resolution;
}

Result<GuestResolution> by_physical(GuestView& view, const GuestQuery& query) {
    auto address = parse_number(query.gpa);
    if (!address) return std::move(address).error();
    if (query.length.value_or(0) > most_bytes) return range_by_physical(view, query, *address);
    GuestResolution resolution;
    GuestPlace& place = resolution.place;
    place.name = fmt::format("gpa {}", query.gpa);
    place.size = static_cast<std::uint32_t>(query.length.value_or(default_length));
    place.physical = *address;
    place.offset = static_cast<std::uint32_t>(*address % guest_page_bytes);
    if (place.offset + place.size > guest_page_bytes)
        return usage_error(fmt::format("watch {}", place.name), "it crosses from one page into the next",
                           "watch its two parts one after the other");
    auto frame = view.physical().machine_frame(*address / guest_page_bytes);
    if (!frame) return std::move(frame).error();
    place.frame = *frame;
    add_aliases(view, place);
    if (!place.aliases.empty()) place.linear = place.aliases.front();
    return resolution;
}

Result<GuestResolution> by_linear(GuestView& view, const GuestQuery& query) {
    auto address = parse_number(query.gva);
    if (!address) return std::move(address).error();
    GuestResolution resolution;
    GuestPlace& place = resolution.place;
    place.name = query.guest_pid ? fmt::format("gva {} of pid {}", query.gva, *query.guest_pid)
                                 : fmt::format("gva {}", query.gva);
    place.size = static_cast<std::uint32_t>(query.length.value_or(query.function ? 1 : default_length));
    place.is_user = (*address >> 63) == 0;
    if (place.is_user && !query.guest_pid)
        return usage_error(fmt::format("watch {}", place.name),
                           "it is a process's address, and every process has its own",
                           "say whose with --guest-pid");
    if (!query.guest_pid) {
        if (auto complete = complete_by_linear(view, view.kernel_memory(), *address, place); !complete)
            return std::move(complete).error();
    } else {
        if (view.kernel() == nullptr || !view.kernel()->tasks())
            return arm_error(fmt::format("find process {} in the guest", *query.guest_pid),
                             view.kernel() == nullptr        ? describe_missing_kernel(view)
                             : view.kernel()->why_no_tasks() ? view.kernel()->why_no_tasks()->cause
                                                             : "its tasks are not known",
                             "give --symbols, or the address's frame with --gpa");
        auto process = find_process(view.kernel_memory(), *view.kernel()->tasks(), *query.guest_pid);
        if (!process) return std::move(process).error();
        GuestMemory memory(view.frames(), process->tables);
        if (auto complete = complete_by_linear(view, memory, *address, place); !complete)
            return std::move(complete).error();
    }
    add_aliases(view, place);
    return resolution;
}

} // namespace

Result<GuestResolution> resolve_in_guest(GuestView& view, const GuestQuery& query) {
    const int named = !query.gpa.empty() + !query.gva.empty() + !query.symbol.empty();
    if (named != 1)
        return usage_error("watch", named == 0 ? "nothing was named" : "more than one place was named",
                           "give one of --gpa, --gva and --symbol");
    if (query.guest_pid && query.gva.empty())
        return usage_error("use --guest-pid", "it says whose address --gva is", "give --gva");
    const std::uint64_t most = query.gpa.empty() ? most_bytes : most_of_a_range;
    if (query.length && (*query.length == 0 || *query.length > most))
        return usage_error(fmt::format("use --len {}", *query.length),
                           fmt::format("1 to {} bytes can be watched", most),
                           query.gpa.empty() ? "a longer range takes --gpa, and page-diff" : "");
    if (!query.symbol.empty()) return by_symbol(view, query);
    return query.gpa.empty() ? by_linear(view, query) : by_physical(view, query);
}

} // namespace stakeout

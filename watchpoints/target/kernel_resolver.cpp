#include "watchpoints/target/kernel_resolver.h"

#include "watchpoints/target/address_rules.h"
#include "watchpoints/target/per_cpu.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {

KernelResolver::KernelResolver(const TargetQuery& query, const DataReferenceFinder& references)
    : query_(query), references_(references) {}

Result<const KernelTypes*> KernelResolver::types(const std::string& module) {
    if (!types_ || !module.empty()) {
        auto loaded = KernelTypes::load(module);
        if (!loaded) return std::move(loaded).error();
        types_ = std::move(*loaded);
    }
    return types_.get();
}

Result<const KernelSymbols*> KernelResolver::symbols() {
    if (!symbols_) {
        auto loaded = KernelSymbols::load();
        if (!loaded) return std::move(loaded).error();
        symbols_ = std::move(*loaded);
        if (!query_.vmlinux.empty())
            if (auto added = symbols_->add_file(query_.vmlinux); !added) return std::move(added).error();
    }
    return symbols_.get();
}

Result<const KernelPeek*> KernelResolver::peek() {
    if (!peek_) {
        auto loaded = KernelPeek::load();
        if (!loaded) return std::move(loaded).error();
        peek_ = std::move(*loaded);
    }
    return peek_.get();
}

Result<const std::vector<so_task>*> KernelResolver::tasks() {
    if (!tasks_) {
        auto found = find_tasks();
        if (!found) return std::move(found).error();
        tasks_ = std::move(*found);
    }
    return &*tasks_;
}

// `anywhere`: the address may be in any memory (a raw address), not in the kernel's own data or an object.
Status KernelResolver::check(const Target& target, bool anywhere) {
    auto memory = peek();
    if (!memory) return std::move(memory).error();
    if (auto fine = check_kernel_target(target, **memory); !fine) return fine;
    if (!anywhere) return done();
    auto known = types();
    if (!known) return done(); // no BTF: nothing to compare with
    auto all = tasks();
    if (!all) return std::move(all).error();
    return check_not_exception_path(target, **known, **all);
}

Result<Target> KernelResolver::place(std::string text, std::uint64_t address, TypeId type, bool pointer_like,
                                     const std::vector<PathStep>& path, const KernelTypes& known) {
    auto memory = peek();
    if (!memory) return std::move(memory).error();
    const KernelPeek* reader = *memory;
    auto found =
        known.walk(address, type, pointer_like, path,
                   [reader](std::uint64_t at, std::uint64_t& word) { return reader->read_word(at, word); });
    if (!found) return std::move(found).error();
    Target target;
    target.name = std::move(text);
    target.address = found->address;
    target.size = query_.length.value_or(found->size);
    target.type = found->type_name;
    // The width may be another one than the type's (--len): then it is a number of unknown sign.
    target.type_id = target.size == found->size ? found->type : 0;
    target.is_signed = target.size == found->size && found->is_signed && found->bit_size == 0;
    target.note = found->note;
    return target;
}

Result<Target> KernelResolver::object(const ObjectExpression& expression,
                                      std::vector<WatchedObject>& objects) {
    const std::string tried = fmt::format("find '{}'", expression.text);
    WatchedObject object;
    std::string type;
    if (expression.kind == "task" && expression.arguments.size() == 1) {
        type = "struct task_struct";
        object.tid = static_cast<std::uint32_t>(expression.arguments[0]);
        auto found = find_task_address(object.tid);
        if (!found) return std::move(found).error();
        if (*found == 0)
            return arm_error(tried, fmt::format("there is no task with the id {}", object.tid),
                             "check the PID or thread id");
        object.address = *found;
    } else if (expression.kind == "file" && expression.arguments.size() == 2) {
        type = "struct file";
        object.kind = WatchedObject::Kind::File;
        object.tid = static_cast<std::uint32_t>(expression.arguments[0]);
        object.fd = static_cast<int>(expression.arguments[1]);
        auto found = find_file(object.tid, object.fd);
        if (!found) return std::move(found).error();
        if (found->empty())
            return arm_error(
                tried, fmt::format("process {} does not exist or has no open file {}", object.tid, object.fd),
                fmt::format("see /proc/{}/fd", object.tid));
        object.address = found->front().file;
    } else {
        return usage_error(tried, "objects are task(PID) and file(PID,FD)",
                           "see TARGETS in `man stakeout-watch`");
    }
    if (expression.path.empty())
        return usage_error(tried, "it names a whole object",
                           fmt::format("name a field: '{}->FIELD'", expression.text));
    auto known = types();
    if (!known) return std::move(known).error();
    auto id = (*known)->find(type);
    if (!id) return std::move(id).error();
    auto target = place(expression.text, object.address, *id, true, expression.path, **known);
    if (!target) return target;
    if (auto fine = check(*target, false); !fine) return std::move(fine).error();
    if (object.tid != 0) objects.push_back(object);
    return target;
}

Result<Target> KernelResolver::range(const std::string& text, const AddressRange& range) {
    Target target;
    target.name = text;
    target.address = range.start;
    if (range.end > range.start)
        target.size = range.end - range.start;
    else if (query_.function)
        target.size = 1;
    else if (query_.length)
        target.size = *query_.length;
    else
        return usage_error("watch " + text, "an address has no width",
                           "give --len 1, 2, 4 or 8, or a range START-END");
    if (auto fine = check(target, true); !fine) return std::move(fine).error();
    return target;
}

} // namespace stakeout

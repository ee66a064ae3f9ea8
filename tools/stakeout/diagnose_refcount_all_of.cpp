#include "tools/stakeout/diagnose_refcount_all_of.h"

#include "scripts/refcount/all_of_recipe.h"
#include "scripts/refcount/follower.h"
#include "scripts/refcount/object_origin.h"
#include "tools/options/duration.h"
#include "tools/stakeout/failure.h"
#include "watchpoints/arm/free_slots.h"
#include "watchpoints/arm/online_cpus.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t default_at_once = 3; // leaves a slot to others

// Places that nobody writes to, for slots without an object: the kernel's text, which is patched through
// other addresses; a process's first page, which is never mapped. Each its own, with the counter's remainder
// by 8.
Result<std::uint64_t> parking_place(std::size_t index, std::uint64_t offset, const KernelSymbols* symbols) {
    constexpr std::uint64_t apart = 64;
    constexpr std::uint64_t in_first_page = 0x100;
    std::uint64_t base = in_first_page;
    if (symbols != nullptr) {
        const auto text = symbols->find("vmlinux:_stext");
        if (text.empty())
            return internal_error("find a place for slots without an object", "the kernel has no _stext");
        base = (text.front().address + apart) & ~(apart - 1);
    }
    return base + apart * index + offset % 8;
}

std::size_t free_places(std::size_t wanted) {
    auto cpus = online_cpus();
    std::size_t least = wanted;
    if (cpus)
        for (const std::uint32_t cpu : *cpus)
            if (auto free = free_slots(cpu)) least = std::min(least, static_cast<std::size_t>(*free));
    return std::max<std::size_t>(1, least); // where none is free, arming says who holds them
}

// From the options to an armed watch without an object: the preparation of the session.
class Preparation {
  public:
    Preparation(const AllOfOptions& options, OriginQuery query, std::optional<CountKind> kind,
                Follower::Plan follow, AllOfRecipe& recipe)
        : options_(options), query_(std::move(query)), kind_(kind), follow_(follow), recipe_(recipe) {}

    Status operator()(Resolution& resolution, WatchRequest& request) {
        if (request.process) {
            query_.pid = request.process->pid;
        } else if (resolution.symbols == nullptr) {
            auto loaded = KernelSymbols::load();
            if (!loaded) return std::move(loaded).error();
            resolution.symbols = std::move(*loaded);
        }
        const KernelSymbols* symbols = request.process ? nullptr : resolution.symbols.get();
        auto origin = find_origin(query_, symbols);
        if (!origin) return std::move(origin).error();
        recipe_.use(kind_.value_or(kind_of_type(origin->counter_type)), origin->not_covered);
        follow_.offset = origin->place.offset;
        follow_.bytes = origin->place.bytes;
        follow_.places = free_places(options_.at_once == 0 ? default_at_once : options_.at_once);
        for (std::size_t i = 0; i < follow_.places; ++i) {
            auto parking = parking_place(i, follow_.offset, symbols);
            if (!parking) return std::move(parking).error();
            Target target;
            target.name = query_.type;
            target.type = origin->counter_type;
            target.is_signed = origin->is_signed;
            target.address = *parking;
            target.size = follow_.bytes;
            target.note = "no object yet: it follows the next that is born";
            request.targets.push_back(std::move(target));
        }
        auto births = Births::attach(origin->place);
        if (!births) return std::move(births).error();
        auto follower = std::make_shared<Follower>(std::move(*births), follow_, recipe_);
        recipe_.count_births_by([follower] { return follower->births(); });
        request.succession = std::move(follower);
        return done();
    }

  private:
    const AllOfOptions& options_;
    OriginQuery query_;
    std::optional<CountKind> kind_;
    Follower::Plan follow_;
    AllOfRecipe& recipe_;
};

Result<OriginQuery> origin_query(const DiagnoseOptions& common, const AllOfOptions& options,
                                 const SessionPlan& plan) {
    OriginQuery query{options.type, options.born_by,     options.cache,
                      std::nullopt, plan.targets.length, common.pid};
    if (!options.at.empty()) {
        auto at = parse_number(options.at);
        if (!at) return usage_error("use --at", at.error().cause);
        query.at = *at;
    }
    return query;
}

} // namespace

void add_all_of_options(CLI::App& command, AllOfOptions& o) {
    const char* group = "Objects that are not yet born";
    command
        .add_option("--all-of", o.type, "Follow each object of a type from its birth: 'struct file.f_count'")
        ->group(group);
    command
        .add_option(
            "--born-by", o.born_by,
            "Function that makes them: of a program, what it returns; of the kernel, what it allocates")
        ->group(group);
    command.add_option("--cache", o.cache, "Their slab cache, where it is not named as the type")
        ->group(group);
    command.add_option("--at", o.at, "The counter's offset in the object, where no type tells; with --len")
        ->group(group);
    command.add_option("--objects", o.objects, "End after so many objects were followed")->group(group);
    command.add_option("--for-each", o.for_each, "Follow an object for that long at the most")
        ->capture_default_str()
        ->group(group);
    command.add_option("--at-once", o.at_once, "Objects at the same time (default: free slots, at most 3)")
        ->check(CLI::Range(1, 4))
        ->group(group);
}

Status check_all_of(const DiagnoseOptions& common, const AllOfOptions& o) {
    const char* tried = "diagnose a reference count";
    if (!o.asked()) {
        if (common.targets.empty())
            return usage_error(tried, "nothing to look at was named", "give TARGET, or --all-of TYPE.FIELD");
        if (!o.born_by.empty() || !o.cache.empty() || !o.at.empty() || o.objects != 0 || o.at_once != 0)
            return usage_error(tried, "--born-by, --cache, --at, --objects and --at-once go with --all-of",
                               "add --all-of TYPE.FIELD, or leave them out");
        return done();
    }
    if (!common.targets.empty()) return usage_error(tried, "both TARGET and --all-of were given", "give one");
    if (!common.type.empty() || !common.via.empty() || !common.vmlinux.empty())
        return usage_error(tried, "--type, --via and --vmlinux find one TARGET", "leave them out");
    return done();
}

int run_all_of(const DiagnoseOptions& common, const AllOfOptions& options, std::optional<CountKind> kind,
               const DiagnosisOutput& output, std::chrono::steady_clock::time_point process_start) {
    auto plan = plan_session(common);
    if (!plan) return fail(plan.error());
    plan->request.process_start = process_start;
    auto for_each = parse_duration(options.for_each);
    if (!for_each) return fail(for_each.error());
    auto query = origin_query(common, options, *plan);
    if (!query) return fail(query.error());
    plan->targets.length.reset();
    AllOfRecipe::Plan recipe_plan;
    recipe_plan.name = options.type;
    recipe_plan.objects = options.objects;
    recipe_plan.for_each = *for_each;
    auto recipe = std::make_unique<AllOfRecipe>(std::move(recipe_plan));
    Follower::Plan follow;
    follow.objects = options.objects;
    follow.for_each = *for_each;
    plan->prepare = Preparation(options, std::move(*query), kind, follow, *recipe);
    return run_recipe(std::move(*plan), common, output, [&recipe] { return std::move(recipe); });
}

} // namespace stakeout

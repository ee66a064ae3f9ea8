#include "tools/stakeout/watch_session.h"

#include "tools/options/end_signals.h"
#include "tools/stakeout/arm_when_free.h"
#include "tools/stakeout/slot_holders.h"
#include "watchpoints/arm/warm_up.h"
#include "watchpoints/hit/instruction.h"

#include <sys/wait.h>

#include <cerrno>
#include <span>

namespace stakeout {
namespace {

std::vector<std::uint64_t> addresses_in_text(std::uint64_t start, std::size_t size, const KernelPeek& peek) {
    const CodeReader code = [&peek](std::uint64_t address, std::span<std::uint8_t> into) -> std::size_t {
        return peek.read(address, into) ? into.size() : 0;
    };
    std::vector<std::uint64_t> addresses;
    for (const DataReference& reference : data_references(start, size, code))
        addresses.push_back(reference.address);
    return addresses;
}

} // namespace

Status WatchSession::resolve_targets(TargetQuery& query, WatchRequest& request) {
    if (program_) query.pid = program_->pid();
    auto resolution = resolve(query, addresses_in_text);
    if (!resolution) return std::move(resolution).error();
    resolution_.emplace(std::move(*resolution));
    request.targets = std::move(resolution_->targets);
    request.process = resolution_->process;
    request.process_is_ours = program_.has_value();
    request.objects = std::move(resolution_->objects);
    return done();
}

Result<std::unique_ptr<WatchSession>> WatchSession::start(SessionPlan plan) {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    std::unique_ptr<WatchSession> session(new WatchSession());
    if (!plan.program.empty()) {
        auto launched = LaunchedProgram::start(plan.program);
        if (!launched) return std::move(launched).error();
        session->program_.emplace(std::move(*launched));
    }
    auto signals = catch_signals(plan.survives_hangup); // after the program was started: it keeps its own
    if (!signals) return std::move(signals).error();
    session->signals_ = std::move(*signals);
    plan.request.warm_up = std::make_shared<WarmUp>(); // its threads leave the signals to us
    if (auto resolved = session->resolve_targets(plan.targets, plan.request); !resolved)
        return std::move(resolved).error();
    if (plan.prepare)
        if (auto prepared = plan.prepare(*session->resolution_, plan.request); !prepared)
            return std::move(prepared).error();
    plan.request.kernel_symbols = session->resolution_->symbols.get();
    session->resolution_->types.reset(); // ten megabytes that nobody asks any more
    if (auto armed = session->arm(plan); !armed) return std::move(armed).error();
    if (session->program_)
        if (auto running = session->program_->let_go(); !running) return std::move(running).error();
    return session;
}

Status WatchSession::arm(const SessionPlan& plan) {
    auto watch = Watch::arm(plan.request);
    if (!watch && watch.error().errno_value == ENOSPC && plan.wait_for_slots)
        watch = arm_when_free(plan.request, *plan.wait_for_slots, signals_.get(), watch.error());
    if (!watch) {
        Error error = std::move(watch).error();
        if (error.errno_value == ENOSPC) name_slot_holders(error);
        return error;
    }
    watch_ = std::move(*watch);
    return done();
}

Summary WatchSession::run(WatchListener& listener, WatchCompanion* companion) {
    Summary summary = watch_->run(listener, signals_.get(), companion);
    if (program_) ::waitpid(program_->pid(), nullptr, WNOHANG);
    return summary;
}

} // namespace stakeout

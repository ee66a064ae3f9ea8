#include "xen-bridge/watch/guest_watch.h"

#include "base/monotonic_clock.h"
#include "xen-bridge/backend/vcpu_slots.h"
#include "xen-bridge/care/heal.h"

#include <fmt/format.h>
#include <unistd.h>

namespace stakeout {

Result<std::unique_ptr<GuestWatch>> GuestWatch::arm(GuestWatchRequest request) {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    std::unique_ptr<GuestWatch> watch(new GuestWatch());
    watch->request_ = std::move(request);
    if (auto found = watch->find(); !found) return std::move(found).error();
    if (auto set = watch->set_up(); !set)
        return std::move(set).error(); // the destructor takes back what was set
    return watch;
}

Status GuestWatch::find() {
    auto xen = Hypervisor::open();
    if (!xen) return std::move(xen).error();
    xen_ = std::move(*xen);
    auto domain = find_domain(*xen_, request_.domain);
    if (!domain) return std::move(domain).error();
    if (domain->id == 0)
        return usage_error("watch domain 0", "that is this machine's own kernel",
                           "use `stakeout watch` here");
    if (!domain->is_running())
        return lost_target(fmt::format("watch {}", domain->label()), how_it_ended(*domain));
    auto view = GuestView::look(*xen_, *domain, request_.symbols_file);
    if (!view) return std::move(view).error();
    view_ = std::move(*view);
    request_.query.function = request_.kind == AccessKind::Execute;
    auto resolved = resolve_in_guest(*view_, request_.query);
    if (!resolved) return std::move(resolved).error();
    resolution_ = std::move(*resolved);
    if (!request_.filter) return done();
    auto filter = request_.filter(resolution_);
    if (!filter) return std::move(filter).error();
    filter_ = std::move(*filter);
    return done();
}

Status GuestWatch::set_up() {
    auto lease = Lease::take(view_->domain(), request_.backend, resolution_.place.name);
    if (!lease) return std::move(lease).error();
    lease_ = std::move(*lease);
    auto guardian = BridgeGuardian::start(*lease_);
    if (!guardian) return std::move(guardian).error();
    guardian_ = std::move(*guardian);

    suspend_ = std::make_unique<SuspendRequest>(view_->domain()); // before anything is set that it would find
    BackendRequest backend;
    backend.xen = xen_.get();
    backend.domain = view_->domain();
    backend.places = resolution_.pieces.empty() ? std::vector{resolution_.place} : resolution_.pieces;
    backend.kind = request_.kind;
    backend.frames = &view_->frames();
    backend.undo = &lease_->list();
    backend.poll = request_.poll;
    if (const GuestKernel* kernel = view_->kernel(); kernel != nullptr) {
        CaptureRule& rule = backend.capture.emplace();
        rule.kernel_tables = view_->kernel_memory().tables();
        if (kernel->tasks()) rule.current_task = kernel->tasks()->current_task;
    }
    auto made = make_backend(backend, request_.backend);
    if (!made) return std::move(made).error();
    backend_ = std::move(*made);
    lease_->name_backend(backend_->name());
    lease_->list().heartbeat += 1;
    if (auto armed = backend_->arm(); !armed) return armed;
    armed_ns_ = window_start_ns_ = monotonic_ns();
    deadline_ns_ = armed_ns_ + static_cast<std::uint64_t>(request_.time_to_live.count());
    lease_->list().deadline_ns = deadline_ns_;
    hits_ = std::make_unique<GuestHits>(*view_, resolution_, backend_->name(), request_.stacks);
    return backend_->audit(news_);
}

GuestWatch::~GuestWatch() { take_back(); }

void GuestWatch::take_back() {
    // A thread that still answers is needed until the guest is free: the frames first, then the thread.
    if (lease_ != nullptr) {
        if (backend_ != nullptr && lease_->list().guardian_acted == 0) (void)!backend_->suspend();
        backend_.reset();
        heal(*xen_, lease_->list());
    }
    backend_.reset();
    guardian_.reset(); // it removes the lease's file
    lease_.reset();
}

Armed GuestWatch::describe() const {
    Armed armed;
    armed.watch =
        fmt::format("x{:06x}", (monotonic_ns() ^ static_cast<std::uint64_t>(::getpid()) << 12) & 0xff'ffff);
    Target target;
    target.name = resolution_.place.name;
    target.type = resolution_.type;
    target.address = resolution_.place.physical.value_or(0);
    target.size = resolution_.place.size;
    target.note = resolution_.note;
    armed.targets.push_back(std::move(target));
    armed.values.push_back(backend_->value_now());
    armed.kind = request_.kind;
    for (std::uint32_t vcpu = 0; vcpu < view_->domain().vcpus; ++vcpu)
        if (online_vcpus(*xen_, view_->domain())[vcpu]) armed.cpus_online.push_back(vcpu);
    armed.cpus_armed = armed.cpus_online;
    if (armed.cpus_armed.size() > news_.vcpus_armed) armed.cpus_armed.resize(news_.vcpus_armed);
    armed.milliseconds =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - request_.process_start)
            .count();
    armed.at_ns = monotonic_ns();
    armed.wall_ahead_ns = wall_ahead_ns();
    armed.time_to_live = request_.time_to_live;
    armed.brake = request_.brake;
    ArmedGuest& guest = armed.guest.emplace();
    guest.domain = view_->domain().id;
    guest.domain_name = view_->domain().name;
    guest.kind = to_word(view_->domain().kind);
    guest.backend = backend_->name();
    guest.blind_spots = backend_->blind_spots();
    if (view_->kernel() != nullptr) {
        guest.kernel = view_->kernel()->release();
        guest.symbols_from = view_->kernel()->symbols_from();
    }
    if (backend_->name().starts_with("debug-")) guest.addresses = resolution_.place.aliases;
    return armed;
}

Summary GuestWatch::run(WatchListener& listener, int stop_fd) {
    const Armed armed = describe();
    summary_.watch = armed.watch;
    listener.on_armed(armed);
    while (!over_) {
        lease_->list().heartbeat += 1;
        look(listener);
        if (!listener.flush()) end(EndedBy::OutputClosed, "the output was closed by its reader");
        if (over_) break;
        audit(listener);
        brake(listener);
        if (monotonic_ns() >= deadline_ns_) end(EndedBy::TimeToLive, "its time to live is over");
        if (!over_) wait(stop_fd);
    }
    std::vector<GuestAccess> rest;
    if (lease_->list().guardian_acted == 0) {
        (void)!backend_->suspend();
        backend_->finish(rest);
    }
    const std::uint64_t end_ns = monotonic_ns();
    if (braked_since_ns_ != 0) listener.on_brake({0, braked_since_ns_, end_ns});
    take_back();
    keep(std::move(rest)); // the guest is free by now, however slow the reader is
    show_the_rest(listener);
    summary_.records = summary_.hits;
    summary_.lost = news_.lost + unkept_;
    summary_.hits += summary_.lost;
    summary_.foreign = news_.foreign;
    summary_.guest = Summary::Guest{news_.outside, news_.paused_ns, news_.lost_at_most && news_.lost != 0};
    summary_.duration_ns = end_ns - armed_ns_;
    listener.on_summary(summary_);
    const std::uint64_t patience_ends = monotonic_ns() + 5'000'000'000;
    while (listener.flush() && listener.is_behind() && monotonic_ns() < patience_ends) ::usleep(2000);
    return summary_;
}

} // namespace stakeout

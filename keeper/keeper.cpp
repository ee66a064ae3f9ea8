#include "keeper/keeper.h"

#include "base/monotonic_clock.h"
#include "watchpoints/arm/words.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::size_t rate_samples = 10;
constexpr std::size_t most_notices = 16;
constexpr std::size_t hottest_told = 5;

// Assigns into what is there: its strings keep their room, and a hit costs no allocation.
void describe_last(const Hit& hit, LastAccess& last) {
    last.seq = hit.seq;
    last.time_ns = hit.time_ns;
    last.pid = hit.pid;
    last.tid = hit.tid;
    last.cpu = hit.cpu;
    last.comm = hit.comm;
    last.access = to_word(hit.access);
    last.target = hit.target;
    const auto& stack = hit.kernel_stack.empty() ? hit.user_stack : hit.kernel_stack;
    last.function.clear();
    if (!stack.empty()) last.function = stack.front().symbol;
}

} // namespace

Result<std::unique_ptr<Keeper>> Keeper::open(Settings settings, WatchListener& behind) {
    auto folder = RunFolder::open();
    if (!folder) return std::move(folder).error();
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    std::unique_ptr<Keeper> keeper(new Keeper(std::move(settings), behind, std::move(*folder)));
    if (!keeper->settings_.name.empty()) {
        auto lock = keeper->folder_.reserve(keeper->settings_.name);
        if (!lock) return std::move(lock).error();
        keeper->lock_ = std::move(*lock);
    }
    if (auto begun = keeper->begin_recording(); !begun) return std::move(begun).error();
    return keeper;
}

Status Keeper::begin_recording() {
    if (settings_.files) {
        auto kept = KeptHits::in_files(facts(), *settings_.files, [this](const std::string& trouble) {
            note(trouble);
            if (notifier_ != nullptr) notifier_->tell("trouble", trouble, hits_);
        });
        if (!kept) return std::move(kept).error();
        kept_.emplace(std::move(*kept));
    } else if (settings_.keeps_hits) {
        kept_.emplace(KeptHits::in_memory(facts()));
    }
    return done();
}

const RecordingFacts& Keeper::facts() {
    if (!facts_) facts_ = new_recording(settings_.version, settings_.name);
    return *facts_;
}

template <class Call>
void Keeper::tell_all(const Call& call) {
    call(behind_);
    if (kept_) call(kept_->listener());
    for (const auto& follower : followers_) call(follower->listener());
}

Keeper::~Keeper() {
    server_.reset();
    if (lock_) ::unlink(folder_.lock_path(status_.name).c_str());
}

void Keeper::on_armed(const Armed& armed) {
    tell_all([&armed](WatchListener& one) { one.on_armed(armed); });
    if (kept_) (void)kept_->settle(); // readable from now on
    armed_ = armed;
    status_.id = armed.watch;
    status_.name = settings_.name.empty() ? armed.watch : settings_.name;
    status_.pid = ::getpid();
    status_.detached = settings_.detached;
    if (kept_) status_.recording = kept_->path();
    status_.keeps_hits = kept_.has_value();
    status_.script = armed.script;
    status_.access = to_word(armed.kind);
    for (const Target& target : armed.targets)
        status_.targets.push_back({target.name, target.type, target.address, target.size});
    status_.slots = armed.slots.size();
    status_.wall_ahead_ns = armed.wall_ahead_ns;
    status_.armed_at_ns = armed.at_ns;
    status_.brake = armed.brake;
    notifier_ = std::make_unique<Notifier>(
        Notifier::Settings{status_.id, status_.name, settings_.notify, settings_.terminal});
    if (!lock_) {
        auto lock = folder_.reserve(status_.name);
        if (lock) lock_ = std::move(*lock);
    }
    auto server = ControlServer::listen(folder_.socket_path(status_.name));
    if (server)
        server_ = std::move(*server);
    else
        note(server.error().sentence());
}

void Keeper::on_hit(const Hit& hit) {
    tell_all([&hit](WatchListener& one) { one.on_hit(hit); });
    ++shown_;
    if (!status_.last) status_.last.emplace();
    describe_last(hit, *status_.last);
    status_.last->old_value = hit.old_value ? hit.old_value->hex() : std::string();
    status_.last->new_value = hit.new_value ? hit.new_value->hex() : std::string();
    hot_.add(hit);
}

void Keeper::on_look(const Look& look) {
    tell_all([&look](WatchListener& one) { one.on_look(look); });
}

void Keeper::on_notice(const Notice& notice) {
    tell_all([&notice](WatchListener& one) { one.on_notice(notice); });
    note(notice.text);
    notifier_->tell(
        "notice", fmt::format("{}; `stakeout renew {} --ttl 1h` keeps it", notice.text, status_.name), hits_);
}

void Keeper::on_brake(const BrakeInterval& interval) {
    tell_all([&interval](WatchListener& one) { one.on_brake(interval); });
}

void Keeper::on_coverage(const CoverageChange& change) {
    tell_all([&change](WatchListener& one) { one.on_coverage(change); });
    const std::string text = fmt::format("CPU {}: {}; armed on {} of {} CPUs", change.cpu, change.reason,
                                         change.cpus_armed, change.cpus_online);
    note(text);
    notifier_->tell("coverage", text, hits_);
}

void Keeper::on_summary(const Summary& summary) {
    for (const auto& follower : followers_) follower->expect_end();
    tell_all([&summary](WatchListener& one) { one.on_summary(summary); });
    summary_ = summary;
}

bool Keeper::flush() {
    if (kept_) (void)kept_->listener().flush();
    return behind_.flush();
}

void Keeper::note(std::string text) {
    if (status_.notices.size() >= most_notices) status_.notices.erase(status_.notices.begin());
    status_.notices.push_back(std::move(text));
}

void Keeper::add_to(std::vector<pollfd>& fds) const {
    if (server_ != nullptr) server_->add_to(fds);
}

void Keeper::turn(RunningWatch& watch) {
    const std::uint64_t now = monotonic_ns();
    if (samples_.empty() || now >= samples_.back().at_ns + second_ns) {
        take_rate(watch.counts().hits, now);
        notifier_->reap();
    }
    if (when_ready_ != nullptr) {
        when_ready_(status_of(watch));
        when_ready_ = nullptr;
    }
    if (server_ == nullptr) return;
    for (const auto& follower : followers_) follower->turn(now);
    hand_out_recordings();
    server_->turn([this, &watch](const Json& request, const Connection& to) { answer(request, to, watch); });
    std::erase_if(followers_, [](const auto& follower) { return follower->has_gone(); });
}

void Keeper::follow(const Connection& to) {
    to->send(Json{{"ok", true}, {"stream", true}});
    followers_.push_back(std::make_unique<Follower>(facts(), *armed_, to));
}

// A file's last block may still be on its way: whoever asked gets the answer a turn or two later.
void Keeper::hand_out_recordings() {
    if (waiting_for_recording_.empty() || !kept_->settle()) return;
    for (const Connection& to : waiting_for_recording_) {
        if (kept_->path().empty()) {
            to->send(Json{{"ok", true}, {"stream", true}});
            to->send_bytes(kept_->bytes());
        } else {
            to->send(Json{{"ok", true}, {"path", kept_->path()}});
        }
        to->close_when_sent();
    }
    waiting_for_recording_.clear();
}

void Keeper::take_rate(std::uint64_t hits, std::uint64_t now) {
    hits_ = hits;
    samples_.push_back({now, hits});
    if (samples_.size() > rate_samples) samples_.pop_front();
}

WatchStatus Keeper::status_of(const RunningWatch& watch) {
    WatchStatus status = status_;
    const Summary counts = watch.counts();
    status.now_ns = monotonic_ns();
    status.deadline_ns = watch.deadline_ns();
    status.cpus_armed = watch.cpus_armed();
    status.cpus_braked = watch.cpus_braked();
    status.cpus_online = watch.cpus_online();
    status.hits = counts.hits;
    status.records = counts.records;
    status.lost = counts.lost;
    status.unseen = counts.unseen;
    status.dropped = counts.dropped.in_kernel() + counts.dropped.by_reader();
    status.shown = shown_;
    status.braked = counts.braked;
    status.braked_ns = counts.braked_ns;
    const Sample& oldest = samples_.front();
    if (status.now_ns > oldest.at_ns)
        status.rate = static_cast<double>(counts.hits - oldest.hits) * 1e9 /
                      static_cast<double>(status.now_ns - oldest.at_ns);
    status.hottest = hot_.hottest(hottest_told);
    return status;
}

void Keeper::answer(const Json& request, const Connection& to, RunningWatch& watch) {
    const std::string op = request["op"];
    if (op == "status") {
        to->send(Json{{"ok", true}, {"status", to_json(status_of(watch))}});
        to->close_when_sent();
    } else if (op == "renew") {
        renew(request, to, watch);
    } else if (op == "follow") {
        follow(to);
    } else if (op == "recording") {
        if (kept_)
            waiting_for_recording_.push_back(to);
        else
            to->refuse(
                usage_error("read the hits of watch " + status_.name, "it keeps none",
                            "a watch with --detach, --name or --record does; `stakeout tail` shows those "
                            "to come"));
    } else if (op == "remove") {
        waiting_for_end_.push_back(to);
        watch.end("it was removed");
    } else {
        to->refuse(usage_error("ask watch " + status_.name, fmt::format("it does not know '{}'", op),
                               "it was started by another version of stakeout"));
    }
}

void Keeper::renew(const Json& request, const Connection& to, RunningWatch& watch) {
    const std::uint64_t ttl = request.value("ttl_ns", std::uint64_t{0});
    if (ttl < second_ns) {
        to->refuse(usage_error("renew watch " + status_.name, "a time to live is at least a second"));
        return;
    }
    if (auto renewed = watch.renew(std::chrono::nanoseconds(ttl)); !renewed) {
        to->refuse(renewed.error());
        return;
    }
    to->send(Json{{"ok", true}, {"status", to_json(status_of(watch))}});
    to->close_when_sent();
}

void Keeper::finish() {
    if (summary_ && notifier_ != nullptr && settings_.detached)
        notifier_->tell("ended", fmt::format("ended: {}; {} hits", summary_->reason, summary_->hits),
                        summary_->hits);
    for (const Connection& connection : waiting_for_end_) {
        connection->send(Json{{"ok", true},
                              {"name", status_.name},
                              {"watch", status_.id},
                              {"reason", summary_ ? summary_->reason : std::string()},
                              {"hits", summary_ ? summary_->hits : 0},
                              {"lost", summary_ ? summary_->lost : 0}});
    }
    for (const auto& follower : followers_) follower->end();
    for (int turns = 0; turns < 200 && !waiting_for_recording_.empty(); ++turns) {
        hand_out_recordings();
        ::poll(nullptr, 0, 5);
    }
    if (server_ != nullptr) server_->finish(10'000);
    // Their connections stay open: when they are closed, by our end, nothing of us is left.
}

} // namespace stakeout

#include "loader/follow_ups.h"

#include "loader/big_buffers.h"
#include "loader/feature_probe.h"
#include "loader/libbpf_log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <followup.skel.h>
#include <sched.h>

#include <cerrno>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

namespace stakeout {
namespace {

constexpr std::uint64_t period_ns = 1'000'000;
constexpr std::uint32_t pin_to_cpu = 1U << 1U; // BPF_F_TIMER_CPU_PIN, Linux 6.7

// Timers are pinned to the CPU on which they are started: we have to be there.
class OnCpu {
  public:
    explicit OnCpu(std::uint32_t cpu) {
        ::sched_getaffinity(0, sizeof(before_), &before_);
        cpu_set_t only;
        CPU_ZERO(&only);
        CPU_SET(cpu, &only);
        moved_ = ::sched_setaffinity(0, sizeof(only), &only) == 0;
    }
    ~OnCpu() { ::sched_setaffinity(0, sizeof(before_), &before_); }
    OnCpu(const OnCpu&) = delete;
    OnCpu& operator=(const OnCpu&) = delete;
    [[nodiscard]] bool moved() const { return moved_; }

  private:
    cpu_set_t before_{};
    bool moved_ = false;
};

} // namespace

struct FollowUps::State {
    struct Destroy {
        void operator()(followup_bpf* loaded) const { followup_bpf__destroy(loaded); }
    };
    FollowUpWay way = FollowUpWay::OnDemand;
    std::unique_ptr<followup_bpf, Destroy> kicker;
    int arm_fd = -1;
    std::uint32_t flags = pin_to_cpu;

    Status load_kicker(const ScriptProgram& script, const HitProgram& hit_program);
    Status arm_all();
    Status arm(std::uint32_t cpu);
    [[nodiscard]] int run_arm(std::uint32_t cpu) const;
};

FollowUps::FollowUps() : state_(std::make_unique<State>()) {}
FollowUps::~FollowUps() = default;

FollowUpWay FollowUps::choose(std::optional<FollowUpWay> wanted) {
    if (wanted) return *wanted;
    return kernel_has_bpf_timers() ? FollowUpWay::OnDemand : FollowUpWay::Softirq;
}

Status FollowUps::State::load_kicker(const ScriptProgram& script, const HitProgram& hit_program) {
    const BigBuffers buffers;
    kicker.reset(followup_bpf__open());
    if (!kicker) return arm_error("load the follow-up's starter", take_libbpf_messages(), "", errno);
    int failed = bpf_map__reuse_fd(kicker->maps.so_queues, hit_program.queues_fd());
    if (failed == 0) failed = bpf_map__reuse_fd(kicker->maps.so_alarms, script.alarms_fd());
    if (failed == 0) failed = followup_bpf__load(kicker.get());
    if (failed == 0) failed = followup_bpf__attach(kicker.get());
    if (failed == 0) return done();
    return arm_error("load the follow-up's starter", take_libbpf_messages(), "try --followup periodic",
                     -failed);
}

int FollowUps::State::run_arm(std::uint32_t cpu) const {
    so_arm_request request{cpu, flags, way == FollowUpWay::Periodic ? period_ns : 0};
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.ctx_in = &request;
    run.ctx_size_in = sizeof(request);
    if (bpf_prog_test_run_opts(arm_fd, &run) != 0) return -errno;
    return static_cast<int>(run.retval);
}

Status FollowUps::State::arm_all() {
    for (std::uint32_t cpu = 0; cpu < possible_cpus(); ++cpu)
        if (auto armed = arm(cpu); !armed) return armed;
    return done();
}

Status FollowUps::State::arm(std::uint32_t cpu) {
    std::optional<OnCpu> there;
    if (way == FollowUpWay::Periodic) {
        there.emplace(cpu);
        if (!there->moved()) return done(); // not online: it is armed when it comes
    }
    int failed = run_arm(cpu);
    if (failed == -EINVAL && flags != 0) { // Linux before 6.7: the timer may move to another CPU
        flags = 0;
        failed = run_arm(cpu);
    }
    if (failed == 0) return done();
    return arm_error(fmt::format("set up the follow-ups of CPU {}", cpu), "the kernel refused the timer",
                     "try --followup softirq", -failed);
}

Result<std::unique_ptr<FollowUps>> FollowUps::start(FollowUpWay way, bool may_differ, ScriptProgram& script,
                                                    const HitProgram& hit_program) {
    std::unique_ptr<FollowUps> follow_ups(new FollowUps()); // NOLINT(cppcoreguidelines-owning-memory)
    State& state = *follow_ups->state_;
    state.way = way;
    if (way == FollowUpWay::Softirq) {
        if (auto attached = script.attach_softirq_tracepoint(); !attached) return std::move(attached).error();
        return follow_ups;
    }
    state.arm_fd = script.arm_fd();
    if (auto armed = state.arm_all(); !armed) return std::move(armed).error();
    if (way == FollowUpWay::Periodic) return follow_ups;
    auto loaded = state.load_kicker(script, hit_program);
    if (loaded) return follow_ups;
    if (!may_differ) return std::move(loaded).error();
    state.way = FollowUpWay::Periodic; // this kernel does not tell of kicks
    if (auto armed = state.arm_all(); !armed) return std::move(armed).error();
    return follow_ups;
}

FollowUpWay FollowUps::way() const { return state_->way; }
bool FollowUps::pinned() const { return state_->way != FollowUpWay::Softirq && state_->flags != 0; }

Status FollowUps::add_cpu(std::uint32_t cpu) {
    return state_->way == FollowUpWay::Periodic ? state_->arm(cpu) : done();
}

} // namespace stakeout

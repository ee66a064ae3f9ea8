#include "loader/script_program.h"

#include "loader/libbpf_log.h"
#include "loader/object_types.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <string_view>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

namespace stakeout {
namespace {

constexpr std::size_t log_bytes = 16 << 20; // touched only when the verifier refuses
constexpr std::uint32_t verdict_only = 4;   // BPF_LOG_STATS: no line for each instruction
constexpr const char* softirq_program = "stakeout_followup_softirq";

} // namespace

struct ScriptProgram::State {
    struct Destroy {
        void operator()(bpf_object* opened) const { bpf_object__close(opened); }
        void operator()(bpf_link* link) const { bpf_link__destroy(link); }
    };
    std::string name;
    std::vector<char> bytes; // libbpf reads from it until loaded
    std::unique_ptr<bpf_object, Destroy> object;
    std::unique_ptr<bpf_link, Destroy> softirq;
    bpf_program* hit = nullptr;
    bool foreign = false;
    std::vector<ScriptFieldLayout> fields;
    std::vector<std::string> left_out;
    std::vector<ScriptParameter> parameters; // kept, to open the object once more
    FunctionLookup functions;
    bool from_softirq = false;

    [[nodiscard]] bpf_program* program(const char* wanted) const {
        return bpf_object__find_program_by_name(object.get(), wanted);
    }
    [[nodiscard]] int map_fd(const char* wanted) const {
        const bpf_map* map = bpf_object__find_map_by_name(object.get(), wanted);
        return map != nullptr ? bpf_map__fd(map) : -1;
    }

    [[nodiscard]] bool has_followup() const { return program("stakeout_followup_arm") != nullptr; }
    [[nodiscard]] bool has_task_look() const {
        return bpf_object__find_map_by_name(object.get(), "so_task_works") != nullptr;
    }
    [[nodiscard]] bool follows_up() const { return has_followup() || has_task_look(); }

    Status open();
    Status choose_programs();
    Status join(const HitProgram& hit_program);
    int load(std::uint32_t log_level, std::string& log);
    Status answer_is_zero(const bpf_program* program) const;
};

ScriptProgram::ScriptProgram() : state_(std::make_unique<State>()) {}
ScriptProgram::~ScriptProgram() = default;

namespace {

Error unusable(const std::string& name, std::string cause, std::string remedy) {
    return usage_error(fmt::format("use the script {}", name), std::move(cause), std::move(remedy));
}

bool is_ours(std::string_view program) { return program.starts_with("stakeout_"); }

} // namespace

// A foreign program's answer is the exception's, and 1 would stop the event (bpf/hit.bpf.c). What we compile
// is given an answer of 0; of an object that somebody else compiled every exit must be seen to answer 0.
Status ScriptProgram::State::answer_is_zero(const bpf_program* program) const {
    const std::span<const bpf_insn> code(bpf_program__insns(program), bpf_program__insn_cnt(program));
    constexpr std::uint8_t exit_code = BPF_JMP | BPF_EXIT;
    for (std::size_t i = 0; i < code.size(); ++i) {
        if (code[i].code != exit_code) continue;
        const bool zero = i > 0 &&
                          (code[i - 1].code == (BPF_ALU64 | BPF_MOV | BPF_K) ||
                           code[i - 1].code == (BPF_ALU | BPF_MOV | BPF_K)) &&
                          code[i - 1].dst_reg == BPF_REG_0 && code[i - 1].imm == 0;
        if (!zero)
            return unusable(
                name,
                fmt::format(
                    "its program {} may return something else than 0, which would stop the watchpoint",
                    bpf_program__name(program)),
                "let it return 0, or give the C source instead of the object");
    }
    return done();
}

Status ScriptProgram::State::open() {
    if (auto sound = check_object_types(bytes, name); !sound) return sound;
    LIBBPF_OPTS(bpf_object_open_opts, options);
    options.object_name = "stakeout_script";
    object.reset(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
    if (!object) {
        return unusable(name, "it is no BPF object: " + take_libbpf_messages(),
                        "give C source, or what `stakeout compile` made of it");
    }
    return choose_programs();
}

Status ScriptProgram::State::choose_programs() {
    left_out.clear();
    bpf_program* program = nullptr;
    std::vector<bpf_program*> foreign_programs;
    bpf_object__for_each_program(program, object.get()) {
        const std::string_view called = bpf_program__name(program);
        if (called == softirq_program) bpf_program__set_autoload(program, false);
        if (is_ours(called)) continue;
        if (bpf_program__type(program) == BPF_PROG_TYPE_PERF_EVENT) {
            foreign_programs.push_back(program);
        } else {
            bpf_program__set_autoload(program, false);
            left_out.emplace_back(bpf_program__section_name(program));
        }
    }
    hit = this->program("stakeout_hit");
    if (hit != nullptr) {
        for (bpf_program* other : foreign_programs) {
            bpf_program__set_autoload(other, false);
            left_out.emplace_back(bpf_program__name(other));
        }
        return done();
    }
    foreign = true;
    hit = this->program("stakeout_foreign");
    if (hit != nullptr) return done();
    if (foreign_programs.empty())
        return unusable(name, "it has neither an on_hit(h) { ... } nor a SEC(\"perf_event\") program",
                        "man stakeout-watch, SCRIPTS, shows a first script");
    if (foreign_programs.size() > 1)
        return unusable(name,
                        fmt::format("the object has {} perf_event programs, and one can run at a hit",
                                    foreign_programs.size()),
                        "give the C source: its programs are then called one after the other");
    hit = foreign_programs.front();
    return answer_is_zero(hit);
}

Result<std::unique_ptr<ScriptProgram>> ScriptProgram::open(std::span<const char> object,
                                                           const std::string& name) {
    capture_libbpf_messages();
    std::unique_ptr<ScriptProgram> script(new ScriptProgram()); // NOLINT(cppcoreguidelines-owning-memory)
    State& state = *script->state_;
    state.name = name;
    state.bytes.assign(object.begin(), object.end());
    if (auto opened = state.open(); !opened) return std::move(opened).error();
    auto fields = script_fields(bpf_object__btf(state.object.get()));
    if (!fields) return std::move(fields).error();
    state.fields = std::move(*fields);
    return script;
}

bool ScriptProgram::is_foreign() const { return state_->foreign; }
bool ScriptProgram::has_followup() const { return state_->has_followup(); }
bool ScriptProgram::has_task_look() const { return state_->has_task_look(); }
bool ScriptProgram::follows_up() const { return state_->follows_up(); }
const std::vector<ScriptFieldLayout>& ScriptProgram::fields() const { return state_->fields; }
const std::vector<std::string>& ScriptProgram::left_out() const { return state_->left_out; }

void ScriptProgram::configure(HitProgramConfig& config) const {
    config.staged = true;
    config.runs_foreign = is_foreign();
    config.runs_script = !is_foreign();
    config.has_fields = !state_->fields.empty();
    config.follows_up = follows_up();
}

Status ScriptProgram::set(const std::vector<ScriptParameter>& parameters, const FunctionLookup& functions) {
    state_->parameters = parameters;
    state_->functions = functions;
    if (auto set = set_script_parameters(state_->object.get(), parameters); !set) return set;
    return set_script_functions(state_->object.get(), functions);
}

Status ScriptProgram::State::join(const HitProgram& hit_program) {
    const std::pair<const char*, int> shared[] = {{"so_hits", hit_program.hits_fd()},
                                                  {"so_stages", hit_program.stages_fd()},
                                                  {"so_queues", hit_program.queues_fd()}};
    for (const auto& [shared_name, fd] : shared)
        if (bpf_map* map = bpf_object__find_map_by_name(object.get(), shared_name); map != nullptr)
            if (const int failed = bpf_map__reuse_fd(map, fd); failed != 0)
                return internal_error("join the script to the hit program",
                                      fmt::format("map {}", shared_name), -failed);
    // Every script has them, since stakeout.h declares them; the kernel only where they are used (4 MB of
    // ring).
    for (const char* own : {"so_alarms", "so_followups", "so_looks"}) {
        bpf_map* map = bpf_object__find_map_by_name(object.get(), own);
        if (map == nullptr) continue;
        const bool is_ring = bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF;
        if (!is_ring) bpf_map__set_max_entries(map, possible_cpus());
        bpf_map__set_autocreate(map, is_ring ? follows_up() : has_followup());
    }
    return done();
}

int ScriptProgram::State::load(std::uint32_t log_level, std::string& log) {
    const std::unique_ptr<char[]> room(new char[log_bytes]); // not a vector: its pages are not to be touched
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object.get()) {
        room[0] = '\0';
        bpf_program__set_log_buf(program, room.get(), log_bytes);
        bpf_program__set_log_level(program, log_level);
    }
    const int failed = bpf_object__load(object.get());
    if (failed != 0) log += room.get();
    return failed;
}

Status ScriptProgram::load(const HitProgram& hit_program, std::string& verifier_log) {
    State& state = *state_;
    if (auto joined = state.join(hit_program); !joined) return joined;
    int failed = state.load(0, verifier_log);
    if (failed == -ENOSPC && verifier_log.size() > log_bytes / 2) {
        // Before Linux 6.4 a log that is full has the beginning, and not the verdict.
        verifier_log += '\n';
        (void)take_libbpf_messages();
        if (auto opened = state.open(); !opened) return opened;
        if (auto set = this->set(state.parameters, state.functions); !set) return set;
        if (state.from_softirq) use_softirq_tracepoint();
        if (auto joined = state.join(hit_program); !joined) return joined;
        failed = state.load(verdict_only, verifier_log);
    }
    if (failed == 0) return done();
    const std::string words = take_libbpf_messages();
    if (-failed == EPERM && verifier_log.empty())
        return arm_error(fmt::format("load the script {}", state.name),
                         "this needs root, or CAP_BPF with CAP_PERFMON", "run it as root (sudo stakeout ...)",
                         -failed);
    return arm_error(fmt::format("load the script {}", state.name),
                     verifier_log.empty() ? words : "the kernel's verifier refused it", "", -failed);
}

int ScriptProgram::hit_fd() const { return bpf_program__fd(state_->hit); }
int ScriptProgram::alarms_fd() const { return state_->map_fd("so_alarms"); }
int ScriptProgram::looks_fd() const { return state_->map_fd("so_looks"); }
int ScriptProgram::arm_fd() const {
    const bpf_program* program = state_->program("stakeout_followup_arm");
    return program != nullptr ? bpf_program__fd(program) : -1;
}

void ScriptProgram::use_softirq_tracepoint() {
    state_->from_softirq = true;
    if (bpf_program* program = state_->program(softirq_program); program != nullptr)
        bpf_program__set_autoload(program, true);
}

Status ScriptProgram::attach_softirq_tracepoint() {
    const bpf_program* program = state_->program(softirq_program);
    state_->softirq.reset(program != nullptr ? bpf_program__attach(program) : nullptr);
    if (!state_->softirq)
        return arm_error("follow hits up from the softirq tracepoint", take_libbpf_messages(), "", errno);
    return done();
}

} // namespace stakeout

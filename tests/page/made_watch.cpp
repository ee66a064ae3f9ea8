#include "tests/page/made_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace stakeout::made {
namespace {

constexpr std::array<std::string_view, 12> hostile_names{
    "<img src=x onerror=window.canary=1>",
    "</script><script>window.canary=1</script>",
    "<!--<script>",
    "javascript:window.canary=1",
    "\" onmouseover=\"window.canary=1\" x=\"",
    "'-window.canary=1-'",
    "\xe2\x80\xae"
    "gnitirw"
    "\xe2\x81\xa6",
    "a\033[2J\033]0;owned\007\nb\r\x9b",
    "\xff\xfe\xc0\x80 no UTF-8",
    "{{constructor.constructor('window.canary=1')()}}",
    "__proto__",
    "\xe2\x80\xa8window.canary=1\xe2\x80\xa9</title><svg onload=window.canary=1>",
};

std::string name_of(std::uint64_t number, bool hostile, std::string_view plain) {
    if (!hostile) return std::string(plain);
    if (number % 13 == 12) return std::string(65'536, '<') + "b>";
    return std::string(hostile_names[number % hostile_names.size()]);
}

struct Place {
    std::string_view function, file, instruction;
    int line;
};
constexpr std::array<Place, 3> places{
    {{"deposit", "src/ledger.c", "add qword ptr [rip+0x2ee1], rax", 39},
     {"withdraw", "src/ledger.c", "sub qword ptr [rip+0x2ec0], rax", 46},
     {"settle_accounts", "src/settle.c", "mov qword ptr [rdi+0x10], rsi", 112}}};

void write_from_program(Hit& hit, std::uint64_t number, bool hostile) {
    const std::size_t which = number % 16 < 10 ? 0 : number % 16 < 14 ? 1 : 2;
    const Place& place = places[which];
    hit.user_mode = true;
    hit.target_index = 0;
    hit.target = "balance";
    hit.address = 0x55d0c0de4010;
    const std::uint64_t base = 0x55d0c0de1000;
    const std::string program = hostile ? name_of(number + 3, true, "") : "/usr/local/bin/ledger";
    hit.user_stack = {
        {base + 0x140 + which * 64, name_of(which, hostile, place.function), 0x1f, program,
         hostile ? name_of(number % 3 + 5, true, "") : std::string(place.file), place.line},
        {base + 0x400, name_of(3, hostile, number % 3 == 0 ? "run_batch" : "serve_request"), 0x81, program,
         "src/main.c", number % 3 == 0 ? 201 : 88},
        {base + 0x520, name_of(4, hostile, "main"), 0x6b, program, "src/main.c", 240},
        {0x7f33aa021d90, "__libc_start_call_main", 0x80, "/usr/lib/x86_64-linux-gnu/libc.so.6", "", 0},
        {base + 0x90, "_start", 0x21, program, "", 0}};
    hit.ip = hit.user_stack.front().ip;
    hit.instruction = Instruction{hit.ip - 7, name_of(6, hostile, place.instruction)};
    const std::uint64_t before = 1'000 + (number * 37) % 500;
    hit.old_value = value_of(before);
    hit.new_value = value_of(which == 2 ? 7 : before + 5);
}

void write_from_kernel(Hit& hit, std::uint64_t number, bool hostile) {
    hit.target_index = 1;
    hit.target = "jiffies_seen";
    hit.address = 0xffffffff82a079c0;
    hit.kernel_stack = {{0xffffffff811a2b3c, name_of(7, hostile, "tick_account"), 0x2c, "", "", 0},
                        {0xffffffff811a0011, name_of(8, hostile, "update_process_times"), 0x91,
                         name_of(9, hostile, "timekeep"), "", 0},
                        {0xffffffff81a00c0d, "asm_sysvec_apic_timer_interrupt", 0x1d, "", "", 0}};
    hit.ip = hit.kernel_stack.front().ip;
    hit.instruction = Instruction{hit.ip - 4, "inc dword ptr gs:[rip+0x1234]"};
    hit.width = 4;
    hit.old_value = value_of(number, 4);
    hit.new_value = value_of(number + 1, 4);
}

ScriptSays says(std::uint64_t number, bool hostile) {
    ScriptSays says;
    says.fields = {{ScriptField::Kind::Text, name_of(0, hostile, "account.owner"), 0,
                    name_of(1, hostile, "Ada Lovelace")},
                   {ScriptField::Kind::Signed, "limit", static_cast<std::uint64_t>(-250), ""},
                   {ScriptField::Kind::Address, "next", 0xffff888012345678, ""},
                   {ScriptField::Kind::Bool, "frozen", number % 2, ""}};
    Snapshot memory{0x55d0c0de4000 + number % 64, false, {}};
    const std::string text =
        hostile ? "</script><script>window.canary=1</script>" : "account 4711: open since 2019";
    for (std::size_t i = 0; i < 96; ++i)
        memory.bytes.push_back(i < text.size() ? static_cast<std::uint8_t>(text[i])
                                               : static_cast<std::uint8_t>(i * 7 + number));
    says.snapshots = {memory, {0xdead0000, true, {}}};
    return says;
}

} // namespace

Value value_of(std::uint64_t number, std::size_t width) {
    Value value;
    for (std::size_t i = 0; i < width; ++i)
        value.bytes.push_back(i < 8 ? static_cast<std::uint8_t>(number >> (8 * i)) : 0);
    return value;
}

Armed armed() {
    Armed armed;
    armed.watch = "w1a2b3";
    Target balance;
    balance.name = "balance";
    balance.type = "long";
    balance.is_signed = true;
    balance.address = 0x55d0c0de4010;
    balance.size = 8;
    Target seen;
    seen.name = "jiffies_seen";
    seen.type = "unsigned int";
    seen.address = 0xffffffff82a079c0;
    seen.size = 4;
    armed.targets = {balance, seen};
    armed.values = {value_of(1'000), value_of(0, 4)};
    armed.kind = AccessKind::ReadWrite;
    armed.slots = {{balance.address, 8, 0}, {seen.address, 4, 1}};
    armed.cpus_armed = {0, 1, 2, 3};
    armed.cpus_online = {0, 1, 2, 3};
    armed.milliseconds = 31.4;
    armed.at_ns = start_ns;
    armed.wall_ahead_ns = wall_ahead_ns;
    armed.time_to_live = std::chrono::hours(12);
    armed.exception_cost = std::chrono::nanoseconds(2100);
    armed.script = "guard.c";
    return armed;
}

Hit hit(std::uint64_t number, bool hostile) {
    Hit hit;
    hit.seq = number + 1;
    // Bursts: busy for a while, then hardly at all.
    hit.time_ns = start_ns + number * 1'000'000 + number / 400 * 900'000'000;
    hit.cpu = number / 3 % 4;
    hit.pid = 4'000 + number % 4;
    hit.tid = hit.pid + (number % 4 == 3 ? 20 : 0);
    constexpr std::array<std::string_view, 4> comms{"ledger", "settled", "postgres", "kworker/u8:2"};
    hit.comm = name_of(number % 13, hostile, comms[number % 4]);
    hit.width = 8;
    hit.access = Access::Write;
    if (number % 4 == 3)
        write_from_kernel(hit, number, hostile);
    else
        write_from_program(hit, number, hostile);
    if (number % 8 == 2) {
        hit.access = Access::Read;
        hit.new_value = hit.old_value;
        hit.instruction->text = "mov rax, qword ptr [rip+0x2ee1]";
    }
    return hit;
}

Look look(std::uint64_t hit, bool hostile) {
    Look look;
    look.where = hit % 2 == 0 ? Look::Where::Softirq : Look::Where::Task;
    look.hit = hit + 1;
    look.time_ns = made::hit(hit, false).time_ns + 130'000;
    look.due_ns = look.time_ns - 20'000;
    look.cpu = 1;
    look.tid = 4'001;
    look.says = says(hit, hostile);
    return look;
}

Summary summary(std::uint64_t hits) {
    Summary sum;
    sum.watch = "w1a2b3";
    sum.ended_by = EndedBy::TimeToLive;
    sum.reason = "its time to live is over";
    sum.hits = hits + 12 + 3;
    sum.records = hits;
    sum.lost = 12;
    sum.dropped.when = 3;
    sum.joined = 5;
    sum.foreign = 1;
    sum.braked = 2;
    sum.braked_ns = 350'000'000;
    sum.duration_ns = hit(hits, false).time_ns - start_ns;
    return sum;
}

void tell(WatchListener& listener, std::uint64_t hits, bool hostile, bool ended) {
    Armed start = armed();
    if (hostile) {
        start.targets[0].name = name_of(0, true, "");
        start.targets[1].name = name_of(1, true, "");
        start.targets[0].type = name_of(4, true, "");
        start.targets[0].note = name_of(11, true, "");
        start.script = name_of(3, true, "");
    }
    listener.on_armed(start);
    for (std::uint64_t number = 0; number < hits; ++number) {
        listener.on_hit(hit(number, hostile));
        if (number % 1000 == 50) listener.on_look(look(number, hostile));
        if (number != 600) continue;
        listener.on_brake({1, hit(600, false).time_ns, hit(600, false).time_ns + 250'000'000});
        listener.on_brake({2, hit(600, false).time_ns, hit(600, false).time_ns + 100'000'000});
        listener.on_coverage({3, true, true, hit(580, false).time_ns, hit(590, false).time_ns,
                              name_of(0, hostile, "CPU came back"), 4, 4});
    }
    listener.on_notice(
        {name_of(1, hostile, "ends in 10 s; extend it with `stakeout extend`"), std::chrono::seconds(10)});
    if (!ended) return;
    Summary sum = summary(hits);
    if (hostile) sum.reason = name_of(0, true, "");
    listener.on_summary(sum);
}

} // namespace stakeout::made

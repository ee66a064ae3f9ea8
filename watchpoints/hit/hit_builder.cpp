#include "watchpoints/hit/hit_builder.h"

#include "watchpoints/hit/call_site.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace stakeout {
namespace {

std::optional<Value> value_of(const std::uint8_t (&bytes)[SO_REGION_BYTES], std::uint32_t width) {
    if (width == 0 || width > SO_REGION_BYTES) return std::nullopt;
    return Value{std::vector<std::uint8_t>(bytes, bytes + width)};
}

// The code captured in the exception: it is right even when the process or its mapping is gone.
std::size_t from_capture(const so_record& record, std::uint64_t address, std::span<std::uint8_t> into) {
    if ((record.flags & SO_CODE_VALID) == 0) return 0;
    const std::uint64_t first = record.regs.ip - SO_CODE_BYTES / 2;
    if (address < first || address >= first + SO_CODE_BYTES) return 0;
    const std::size_t at = address - first;
    const std::size_t count = std::min<std::size_t>(into.size(), SO_CODE_BYTES - at);
    std::memcpy(into.data(), record.code + at, count);
    return count;
}

// As much as can be read on both sides, for who decodes it again elsewhere.
CodeBytes code_around(std::uint64_t ip, const CodeReader& code) {
    constexpr std::size_t half = CodeBytes::most / 2;
    CodeBytes around;
    std::array<std::uint8_t, half> before{};
    // Shorter and shorter: what stands before may be another page, that is not there.
    for (std::size_t size = half; size > 0 && around.size == 0 && ip >= size; size /= 2) {
        const auto bytes = std::span(before).first(size);
        if (code(ip - size, bytes) != size) continue;
        std::copy(bytes.begin(), bytes.end(), around.bytes.begin());
        around.size = static_cast<std::uint32_t>(size);
    }
    around.start = ip - around.size;
    const auto behind = std::span(around.bytes).subspan(around.size, half);
    const std::size_t got = std::min(code(ip, behind), half);
    std::fill(behind.begin() + static_cast<std::ptrdiff_t>(got), behind.end(), std::uint8_t{0});
    around.size += static_cast<std::uint32_t>(got);
    return around;
}

} // namespace

std::size_t HitBuilder::DecodeKeyHash::operator()(const DecodeKey& key) const {
    std::uint64_t h = key.ip * 0x9e3779b97f4a7c15ULL;
    h ^= (key.address + 0x7f4a7c15U + (h << 6U) + (h >> 2U)) ^ (std::uint64_t{key.pid} << 32U);
    return static_cast<std::size_t>(h);
}

HitBuilder::HitBuilder(Trap trap, std::vector<TargetFacts> targets, std::vector<SlotFacts> slots,
                       const KernelPeek* kernel_code, Symboliser& symboliser)
    : trap_(trap), targets_(std::move(targets)), slots_(std::move(slots)), kernel_code_(kernel_code),
      symboliser_(symboliser) {}

std::optional<LocatedAccess> HitBuilder::locate(const RawHit& raw) {
    const so_record& r = raw.record;
    const bool user = (r.flags & SO_USER_MODE) != 0;
    const CodeReader code = [&](std::uint64_t address, std::span<std::uint8_t> into) -> std::size_t {
        if (!user) return kernel_code_ != nullptr && kernel_code_->read(address, into) ? into.size() : 0;
        const std::size_t captured = from_capture(r, address, into);
        return captured == into.size() ? captured
                                       : std::max(captured, symboliser_.read_user_code(r.pid, address, into));
    };
    if (trap_ == Trap::OnExecute) {
        auto instruction = instruction_at(r.regs.ip, code);
        if (!instruction) return std::nullopt;
        instruction->code = code_around(r.regs.ip, code);
        return LocatedAccess{std::move(*instruction), Access::Execute};
    }
    AccessQuestion question;
    question.regs = r.regs;
    question.address = r.address;
    question.length = r.slot < slots_.size() ? slots_[r.slot].length : 1;
    if ((r.flags & SO_TOP_VALID) != 0) question.stack_top = r.stack_top;
    question.start_of_function = [&](std::uint64_t ip) {
        return user ? symboliser_.user_function_start(r.pid, ip) : symboliser_.kernel_function_start(ip);
    };
    question.function_start = question.start_of_function(r.regs.ip);
    // At a function's first instruction the frame pointer is still the caller's, and the unwinder may skip
    // the caller itself; the word at the stack pointer, read in the exception, does not.
    auto located = locate_access(question, code);
    if (located) located->instruction.code = code_around(r.regs.ip, code);
    return located;
}

void HitBuilder::decode(const RawHit& raw, Hit& hit) {
    const so_record& r = raw.record;
    const DecodeKey key{r.regs.ip, r.address, hit.user_mode ? r.pid : 0};
    const auto known = decoded_.find(key);
    const LocatedAccess* located = known != decoded_.end() ? &known->second : nullptr;
    std::optional<LocatedAccess> fresh;
    if (located == nullptr) {
        fresh = locate(raw);
        if (fresh) {
            located = &*fresh;
            // Only the instruction directly before the pointer is the same every time: after a call or a jump
            // another instruction may have led here.
            const std::uint64_t back = r.regs.ip - fresh->instruction.address;
            constexpr std::size_t most_kept = 65536;
            if (back <= 15 && decoded_.size() < most_kept) decoded_.emplace(key, *fresh);
        }
    }
    if (located != nullptr) {
        hit.instruction = located->instruction;
        hit.access = located->access;
    }
    // The debug register knows better than any decoding: a write watch traps nothing but writes, and a value
    // that changed was written.
    if (trap_ == Trap::OnExecute) hit.access = Access::Execute;
    if (trap_ == Trap::OnWrite) hit.access = Access::Write;
    const bool comparable = hit.old_value && hit.new_value && !hit.unordered;
    if (hit.access == Access::Unknown && comparable && *hit.old_value != *hit.new_value)
        hit.access = Access::Write;
}

// Stacks are unwound by frame pointers. A function that sets up none, as the C library's memcpy, leaves its
// caller's in place, and the caller itself would be missing from the stack: often the very culprit. But then
// the word at the stack pointer is the return address into it.
bool HitBuilder::skipped_caller(const RawHit& raw) {
    const so_record& r = raw.record;
    if ((r.flags & SO_USER_MODE) == 0 || (r.flags & SO_TOP_VALID) == 0 || raw.user_frames.empty())
        return false;
    if (raw.user_frames.size() > 1 && raw.user_frames[1] == r.stack_top) return false;
    const DecodeKey key{r.stack_top, 0, r.pid};
    if (const auto known = call_sites_.find(key); known != call_sites_.end()) return known->second;
    const bool is_call_site =
        follows_call(r.stack_top, [&](std::uint64_t address, std::span<std::uint8_t> into) {
            return symboliser_.read_user_code(r.pid, address, into);
        });
    constexpr std::size_t most_kept = 65536;
    if (call_sites_.size() < most_kept) call_sites_.emplace(key, is_call_site);
    return is_call_site;
}

void HitBuilder::fill_stacks(const RawHit& raw, Hit& hit) {
    hit.kernel_stack.reserve(raw.kernel_frames.size());
    for (std::size_t i = 0; i < raw.kernel_frames.size(); ++i)
        hit.kernel_stack.push_back(symboliser_.kernel_frame(raw.kernel_frames[i], i > 0));
    hit.user_stack.reserve(raw.user_frames.size());
    // At a kernel hit the first user frame is the system call's return address too.
    const bool skipped = skipped_caller(raw);
    for (std::size_t i = 0; i < raw.user_frames.size(); ++i) {
        hit.user_stack.push_back(symboliser_.user_frame(raw.record.pid, raw.user_frames[i], i > 0));
        if (i == 0 && skipped)
            hit.user_stack.push_back(symboliser_.user_frame(raw.record.pid, raw.record.stack_top, true));
    }
}

void HitBuilder::fill_script(const JoinedHit& joined, Hit& hit) const {
    const std::uint32_t flags = joined.raw.record.flags;
    hit.deferred = (flags & (SO_DEFERRED | SO_TASK_ASKED)) != 0;
    hit.undecided = (flags & SO_UNDECIDED) != 0;
    hit.look_missed = (flags & SO_MISSED) != 0;
    hit.extra_lost = (flags & SO_EXTRA_LOST) != 0;
    if (joined.extra) hit.says = script_says(*joined.extra, fields_);
    for (const RawExtra& look : joined.looks) hit.looks.push_back(look_of(look, fields_));
}

Hit HitBuilder::build(const JoinedHit& joined) {
    const RawHit& raw = joined.raw;
    const so_record& r = raw.record;
    Hit hit;
    hit.seq = r.seq;
    hit.time_ns = r.time_ns;
    hit.cpu = r.cpu;
    hit.pid = r.pid;
    hit.tid = r.tid;
    hit.comm = r.comm;
    hit.target_index = r.region;
    hit.address = r.address;
    hit.ip = r.regs.ip;
    hit.user_mode = (r.flags & SO_USER_MODE) != 0;
    hit.unordered = (r.flags & SO_UNORDERED) != 0;
    hit.traps = joined.traps;
    symboliser_.notice_process(r.pid);
    if (r.region < targets_.size()) {
        const TargetFacts& facts = targets_[r.region];
        hit.target = facts.name;
        hit.width = facts.width;
        hit.old_value = value_of(r.old_bytes, facts.width);
        if ((r.flags & SO_NEW_UNREADABLE) == 0) hit.new_value = value_of(r.new_bytes, facts.width);
        for (const so_record& other : joined.other_targets)
            if (other.region < targets_.size())
                hit.also.push_back({targets_[other.region].name,
                                    value_of(other.old_bytes, targets_[other.region].width),
                                    value_of(other.new_bytes, targets_[other.region].width)});
    }
    decode(raw, hit);
    fill_stacks(raw, hit);
    fill_script(joined, hit);
    return hit;
}

} // namespace stakeout

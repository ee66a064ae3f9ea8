#include "xen-bridge/backend/live_trace.h"

#include "base/text_file.h"
#include "xen-bridge/domain/xen_api.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace stakeout {
namespace {

constexpr unsigned long pages_per_cpu = 256;
constexpr std::size_t page_bytes = 4096;
constexpr int settle_ms = 20;
constexpr const char* lock_path = "/run/stakeout/xen/trace.lock";

Result<OwnedFd> lock_trace() {
    OwnedFd lock(::open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock)
        return arm_error(fmt::format("open {}", lock_path), "the file cannot be opened", "run as root",
                         errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return arm_error("read Xen's trace buffers",
                         "another stakeout-xen reads them, and they have one reader",
                         "`stakeout-xen list` tells which", EBUSY);
    return lock;
}

// Names of programs that read the buffers too.
Status nobody_else_reads() {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        auto comm = read_text_file((entry.path() / "comm").string());
        if (!comm) continue;
        for (const std::string_view reader : {"xentrace\n", "xenbaked\n"})
            if (*comm == reader)
                return arm_error("read Xen's trace buffers",
                                 fmt::format("{} with pid {} reads them, and they have one reader",
                                             reader.substr(0, reader.size() - 1),
                                             entry.path().filename().string()),
                                 "end it", EBUSY);
    }
    return done();
}

} // namespace

Result<std::unique_ptr<LiveTrace>> LiveTrace::start(const Hypervisor& xen, UndoList& undo) {
    if (auto alone = nobody_else_reads(); !alone) return std::move(alone).error();
    auto lock = lock_trace();
    if (!lock) return std::move(lock).error();
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    std::unique_ptr<LiveTrace> trace(new LiveTrace(xen));
    trace->lock_ = std::move(*lock);
    undo.trace = 1;
    unsigned long frame = 0, bytes = 0;
    if (xc_tbuf_enable(xen.control(), pages_per_cpu, &frame, &bytes) != 0)
        return arm_error("switch on Xen's trace buffers", "Xen refused",
                         "is there memory left for Xen (`xl info`)?", errno);
    if (xc_tbuf_set_evt_mask(xen.control(), trace_mask_for_hits) != 0)
        return arm_error("choose what Xen traces", "Xen refused", {}, errno);
    if (auto mapped = trace->map_buffers(frame, bytes); !mapped) return std::move(mapped).error();
    // A buffer that was left full tells of its losses with the next record that it takes: those are not ours.
    ::poll(nullptr, 0, settle_ms);
    if (auto taken = trace->take(false); !taken) return std::move(taken).error();
    trace->lost_before_ = trace->hits_.counts().lost_records + trace->hits_.counts().unattributed;
    return trace;
}

Status LiveTrace::map_buffers(unsigned long table_frame, unsigned long table_bytes) {
    xc_physinfo_t physical{};
    if (xc_physinfo(xen_.control(), &physical) != 0)
        return internal_error("count the CPUs", "Xen refused", errno);
    tsc_khz_ = physical.cpu_khz;
    std::vector<xen_pfn_t> frames((table_bytes + page_bytes - 1) / page_bytes);
    for (std::size_t i = 0; i < frames.size(); ++i) frames[i] = table_frame + i;
    std::vector<int> refused(frames.size(), 0);
    void* table = xenforeignmemory_map(xen_.foreign_memory(), DOMID_XEN, PROT_READ, frames.size(),
                                       frames.data(), refused.data());
    if (table == nullptr) return arm_error("map Xen's trace table", "Xen refused", {}, errno);
    auto of_cpus = trace_buffer_frames({static_cast<const std::uint8_t*>(table), frames.size() * page_bytes},
                                       physical.max_cpu_id + 1);
    xenforeignmemory_unmap(xen_.foreign_memory(), table, frames.size());
    if (!of_cpus) return std::move(of_cpus).error();
    for (std::uint32_t cpu = 0; cpu < of_cpus->of_cpu.size(); ++cpu)
        if (!of_cpus->of_cpu[cpu].empty())
            if (auto mapped = map_cpu(cpu, of_cpus->of_cpu[cpu]); !mapped) return mapped;
    return done();
}

Status LiveTrace::map_cpu(std::uint32_t cpu, const std::vector<std::uint64_t>& frames) {
    std::vector<xen_pfn_t> numbers(frames.begin(), frames.end());
    std::vector<int> refused(frames.size(), 0);
    void* memory = xenforeignmemory_map(xen_.foreign_memory(), DOMID_XEN, PROT_READ | PROT_WRITE,
                                        numbers.size(), numbers.data(), refused.data());
    if (memory == nullptr)
        return arm_error(fmt::format("map the trace buffer of CPU {}", cpu), "Xen refused", {}, errno);
    const std::span<std::uint8_t> bytes(static_cast<std::uint8_t*>(memory), frames.size() * page_bytes);
    cpus_.push_back(std::make_unique<Cpu>(Cpu{memory, frames.size(), TraceBuffer(bytes), TraceStream(cpu)}));
    cpus_.back()->buffer.skip();
    return done();
}

LiveTrace::~LiveTrace() {
    for (const auto& cpu : cpus_) xenforeignmemory_unmap(xen_.foreign_memory(), cpu->memory, cpu->pages);
}

Result<std::vector<TraceHit>> LiveTrace::take(bool last) {
    std::vector<std::uint8_t> bytes;
    for (const auto& cpu : cpus_) {
        bytes.clear();
        auto drained = cpu->buffer.drain(bytes);
        if (!drained) return std::move(drained).error();
        cpu->stream.feed(bytes);
        while (const auto record = cpu->stream.next()) {
            latest_tsc_ = std::max(latest_tsc_, record->tsc.value_or(0));
            hits_.take(*record);
        }
    }
    if (last) hits_.flush();
    std::vector<TraceHit> hits = hits_.drain();
    std::ranges::stable_sort(hits, {}, &TraceHit::tsc);
    return hits;
}

std::uint64_t LiveTrace::age_ns(const TraceHit& hit) const {
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    if (hit.tsc == 0 || hit.tsc > latest_tsc_ || tsc_khz_ == 0) return 0;
    return (latest_tsc_ - hit.tsc) * ns_per_ms / tsc_khz_;
}

} // namespace stakeout

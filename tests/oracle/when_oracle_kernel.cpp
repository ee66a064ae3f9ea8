#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

#include "when_oracle_kernel.h"

#include "loader/predicate/bpf_assembler.h"
#include "loader/predicate/load_predicate.h"

#include <bpf/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace stakeout {
namespace {

Result<std::uint32_t> run(int program) {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    if (bpf_prog_test_run_opts(program, &options) != 0)
        return internal_error("run a program", "the kernel refuses it", errno);
    return options.retval;
}

} // namespace

Result<std::unique_ptr<KernelPage>> KernelPage::make(std::size_t bytes) {
    std::unique_ptr<KernelPage> page(new KernelPage());
    LIBBPF_OPTS(bpf_map_create_opts, options);
    options.map_flags = BPF_F_MMAPABLE;
    page->map_.reset(bpf_map_create(BPF_MAP_TYPE_ARRAY, "so_oracle", sizeof(std::uint32_t),
                                    static_cast<std::uint32_t>(bytes), 1, &options));
    if (!page->map_) return internal_error("make a map", "the kernel refuses it", errno);
    constexpr std::size_t page_size = 4096;
    page->mapped_ = (bytes + page_size - 1) / page_size * page_size;
    void* window = ::mmap(nullptr, page->mapped_, PROT_READ | PROT_WRITE, MAP_SHARED, page->map_.get(), 0);
    if (window == MAP_FAILED) return internal_error("map a map", "the kernel refuses it", errno);
    page->window_ = static_cast<std::uint8_t*>(window);
    return page;
}

KernelPage::~KernelPage() {
    if (window_ != nullptr) ::munmap(window_, mapped_);
}

// Asks a program that writes the address of the map's value into that value.
Result<std::uint64_t> KernelPage::address() const {
    constexpr auto r0 = BpfRegister::R0, r1 = BpfRegister::R1, r2 = BpfRegister::R2, stack = BpfRegister::R10;
    BpfAssembler code;
    const BpfAssembler::Label end = code.label();
    code.store(4, stack, -8, 0);
    code.compute(BPF_MOV, true, r2, stack);
    code.compute(BPF_ADD, true, r2, -8);
    code.set_map(r1, map_.get());
    code.call(BPF_FUNC_map_lookup_elem);
    code.jump_if(BPF_JEQ, true, r0, 0, end);
    code.store_word(r0, 0, r0);
    code.bind(end);
    code.set(r0, 0);
    code.exit();
    auto program = load_predicate_code(*std::move(code).finish(), BPF_PROG_TYPE_SYSCALL);
    if (!program) return std::move(program).error();
    if (auto ran = run(program->get()); !ran) return std::move(ran).error();
    std::uint64_t address = 0;
    std::memcpy(&address, window_, sizeof(address));
    return address;
}

Result<std::unique_ptr<KernelPage>> hit_page() { return KernelPage::make(sizeof(struct hit)); }

void put_hit(KernelPage& page, const WhenValues& values) {
    struct hit hit{};
    hit.seq = values.hits;
    hit.ip = values.ip;
    hit.delta = values.delta;
    hit.width = values.width;
    hit.target = static_cast<std::uint32_t>(values.target);
    hit.cpu = values.cpu;
    hit.pid = values.pid;
    hit.tid = values.tid;
    hit.unreadable = values.unreadable ? 1 : 0;
    hit.access = static_cast<std::uint8_t>(values.access);
    std::memcpy(hit.comm, values.comm.data(), std::min(values.comm.size(), sizeof(hit.comm) - 1));
    std::memcpy(hit.old_bytes, values.old_bytes.data(), sizeof(hit.old_bytes));
    std::memcpy(hit.new_bytes, values.new_bytes.data(), sizeof(hit.new_bytes));
    std::memcpy(page.bytes(), &hit, offsetof(struct hit, extra));
}

Result<OracleAnswer> run_predicate(int program, const KernelPage& page) {
    const auto verdict = run(program);
    if (!verdict) return verdict.error();
    so_asked asked{};
    std::memcpy(&asked, page.bytes() + offsetof(struct hit, asked), sizeof(asked));
    if ((asked.verdict == drop) != (*verdict == PredicateDrops))
        return internal_error("run a program", "it leaves another verdict than it returns");
    return OracleAnswer{*verdict, asked.reason};
}

} // namespace stakeout

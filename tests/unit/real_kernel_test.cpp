// xen-bridge/guest on real kernels. Skipped unless the environment names some:
//
//   STAKEOUT_TEST_VMLINUX=FILE   an ELF vmlinux (tests/guest/vmlinux.py takes it out of a vmlinuz): its own
//   symbol tables
//                                against the list of exported symbols (__ksymtab), which is made
//                                independently of them
//   STAKEOUT_TEST_RAM=FILE,CR3,LEVELS[,GS]
//                                a guest's memory from address 0 on, and a CPU's registers (QEMU's
//                                memory-backend-file and `info registers`): the whole kernel; with GS, who
//                                runs there
//   STAKEOUT_TEST_KALLSYMS=FILE  what /proc/kallsyms said in that guest (without modules): must be the same,
//   byte by byte
#include "base/text_file.h"
#include "kallsyms_image.h"
#include "watchpoints/target/elf_file.h"
#include "xen-bridge/guest/guest_kernel.h"
#include "xen-bridge/guest/guest_task.h"
#include "xen-bridge/guest/kallsyms_tables.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>

using namespace stakeout;

namespace {

// The kernel half of an ELF file's memory.
class ElfMemory {
  public:
    explicit ElfMemory(const ElfFile& file) : file_(file) {
        for (const GElf_Phdr& segment : file.segments()) {
            if (!loaded(segment)) continue;
            start = std::min(start, segment.p_vaddr);
            end = std::max(end, segment.p_vaddr + segment.p_memsz);
        }
    }
    std::size_t read(std::uint64_t address, std::span<std::uint8_t> into) const {
        for (const GElf_Phdr& segment : file_.segments()) {
            if (!loaded(segment) || address - segment.p_vaddr >= segment.p_filesz) continue;
            const std::uint64_t within = address - segment.p_vaddr;
            const std::size_t count = std::min<std::uint64_t>(into.size(), segment.p_filesz - within);
            return static_cast<std::size_t>(
                ::pread(file_.fd(), into.data(), count, static_cast<off_t>(segment.p_offset + within)));
        }
        return 0;
    }
    std::uint64_t start = ~0ULL, end = 0;

  private:
    static bool loaded(const GElf_Phdr& segment) {
        return segment.p_type == PT_LOAD && segment.p_vaddr >> 63 != 0;
    }
    const ElfFile& file_;
};

// Entries of include/asm-generic/export.h with CONFIG_HAVE_ARCH_PREL32_RELOCATIONS: value, name, namespace.
std::map<std::string, std::uint64_t> exported(const ElfFile& file, const CodeReader& memory) {
    std::map<std::string, std::uint64_t> found;
    for (const char* name : {"__ksymtab", "__ksymtab_gpl"}) {
        const ElfFile::Section* section = file.section(name);
        if (section == nullptr) continue;
        for (std::uint64_t at = section->header.sh_addr;
             at < section->header.sh_addr + section->header.sh_size; at += 12) {
            std::array<std::int32_t, 3> entry{};
            std::array<std::uint8_t, 12> bytes{};
            if (memory(at, bytes) != bytes.size()) break;
            std::memcpy(entry.data(), bytes.data(), bytes.size());
            std::array<std::uint8_t, 128> text{};
            (void)memory(at + 4 + static_cast<std::uint64_t>(std::int64_t{entry[1]}),
                         std::span(text).first(127));
            found[std::string(text.begin(), std::find(text.begin(), text.end(), 0))] =
                at + static_cast<std::uint64_t>(std::int64_t{entry[0]});
        }
    }
    return found;
}

TEST(RealKernel, Vmlinux) {
    const char* path = std::getenv("STAKEOUT_TEST_VMLINUX");
    if (path == nullptr) GTEST_SKIP() << "STAKEOUT_TEST_VMLINUX names no kernel";
    const auto file = ElfFile::open(path);
    ASSERT_TRUE(file) << file.error().sentence();
    const ElfMemory memory(**file);
    const CodeReader read = [&](std::uint64_t at, std::span<std::uint8_t> into) {
        return memory.read(at, into);
    };
    auto tables = find_kallsyms(read, memory.start, memory.end);
    ASSERT_TRUE(tables) << tables.error().sentence();
    const auto symbols = KernelSymbols::parse(std::move(tables->text));
    const auto truth = exported(**file, read);
    EXPECT_GT(truth.size(), 5000U);
    std::size_t wrong = 0;
    for (const auto& [name, address] : truth) {
        const auto mine = symbols->find(name);
        const bool same =
            std::any_of(mine.begin(), mine.end(), [&](const auto& s) { return s.address == address; });
        if (!same && ++wrong < 10) ADD_FAILURE() << name << " is not at " << std::hex << address;
    }
    EXPECT_EQ(wrong, 0U);
    std::cout << tables->symbols << " symbols, " << truth.size() << " of them exported and compared\n";
}

class FileFrames : public GuestFrames {
  public:
    explicit FileFrames(const std::string& bytes)
        : bytes_(static_cast<const std::uint8_t*>(static_cast<const void*>(bytes.data())), bytes.size()) {}
    std::span<const std::uint8_t> frame(std::uint64_t number) override {
        if (number >= bytes_.size() / guest_page_bytes) return {};
        return bytes_.subspan(number * guest_page_bytes, guest_page_bytes);
    }
    void forget() override {}

  private:
    std::span<const std::uint8_t> bytes_;
};

TEST(RealKernel, Memory) {
    const char* what = std::getenv("STAKEOUT_TEST_RAM");
    if (what == nullptr) GTEST_SKIP() << "STAKEOUT_TEST_RAM names no memory";
    std::vector<std::string> words(1);
    for (const char* c = what; *c != 0; ++c)
        if (*c == ',')
            words.emplace_back();
        else
            words.back() += *c;
    ASSERT_GE(words.size(), 3U);
    const auto bytes = read_text_file(words[0]);
    ASSERT_TRUE(bytes) << bytes.error().sentence();
    FileFrames frames(*bytes);
    const PageTables tables{std::stoull(words[1], nullptr, 16) / guest_page_bytes, std::stoi(words[2])};
    GuestMemory memory(frames, tables_with_kernel(frames, tables));
    const auto kernel = GuestKernel::find(memory, {});
    ASSERT_TRUE(kernel) << kernel.error().sentence();
    std::cout << (*kernel)->banner() << ": " << (*kernel)->symbols().size() << " symbols\n";
    ASSERT_TRUE((*kernel)->tasks()) << (*kernel)->why_no_tasks()->sentence();
    const auto init = find_process(memory, *(*kernel)->tasks(), 1);
    ASSERT_TRUE(init) << init.error().sentence();
    if (words.size() > 3) {
        const auto task = current_task(memory, *(*kernel)->tasks(), std::stoull(words[3], nullptr, 16));
        ASSERT_TRUE(task);
        std::cout << "pid " << task->pid << " (" << task->comm << ") runs\n";
    }
    if (const char* list = std::getenv("STAKEOUT_TEST_KALLSYMS")) {
        const auto image = mapped_image(memory);
        const auto again = find_kallsyms(memory.reader(), image->start, image->end);
        EXPECT_TRUE(again && again->text == *read_text_file(list)) << "differs from " << list;
    }
}

} // namespace

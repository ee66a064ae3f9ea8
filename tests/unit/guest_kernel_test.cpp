// xen-bridge/guest: the kernel, its place, its types, tasks and processes.
#include "fake_kernel.h"
#include "xen-bridge/guest/guest_kernel.h"
#include "xen-bridge/guest/guest_task.h"

#include <gtest/gtest.h>

#include <elf.h>

#include <filesystem>
#include <fstream>

using namespace stakeout;
using namespace stakeout::test;

namespace {

// A System.map as the guest's kernel was built with: `linked` instead of where KASLR put it.
class MapFile {
  public:
    MapFile(const FakeKernel& kernel, std::uint64_t distort = 0)
        : path_(std::filesystem::temp_directory_path() / ("stakeout-map-" + std::to_string(::getpid()))) {
        std::ofstream file(path_);
        for (const ImageSymbol& symbol : kernel.map) {
            const bool in_image = (symbol.address >> 63) != 0;
            file << std::hex
                 << (in_image ? symbol.address - kernel.text + FakeKernel::linked : symbol.address) << ' '
                 << symbol.type << ' ' << symbol.name << '\n';
        }
        file << std::hex << FakeKernel::linked + 0x8000 + distort << " T entry_SYSCALL_64\n"
             << FakeKernel::linked + 0x9000 << " T xen_asm_exc_xen_hypervisor_callback\n"
             << FakeKernel::linked + 0x9040 << " T xen_entry_SYSCALL_64\n";
    }
    ~MapFile() { std::filesystem::remove(path_); }
    MapFile(const MapFile&) = delete;
    MapFile& operator=(const MapFile&) = delete;
    [[nodiscard]] std::string path() const { return path_; }

  private:
    std::filesystem::path path_;
};

std::unique_ptr<GuestKernel> found(FakeKernel& kernel, const GuestKernelQuestion& question = {}) {
    auto result = GuestKernel::find(kernel.guest.memory, question);
    if (!result) {
        ADD_FAILURE() << result.error().sentence();
        return nullptr;
    }
    return std::move(*result);
}

TEST(GuestKernel, FoundInItsMemory) {
    FakeKernel kernel;
    const auto here = found(kernel);
    ASSERT_TRUE(here);
    EXPECT_EQ(here->symbols().size(), kernel.map.size());
    EXPECT_EQ(here->offset(), 0x1700'0000U);
    EXPECT_EQ(here->release(), "6.1.0-56-amd64");
    EXPECT_EQ(here->layout().page_offset, FakeKernel::direct_map);
    EXPECT_EQ(here->layout().direct_map_bytes, 0x1'0000'000U);
    EXPECT_EQ(here->layout().image_start, kernel.text);
    EXPECT_EQ(image_address(here->layout(), *physical_of(here->layout(), kernel.init_task)),
              kernel.init_task);
    EXPECT_TRUE(here->types()) << here->why_no_types()->sentence();
    ASSERT_TRUE(here->tasks()) << here->why_no_tasks()->sentence();
    EXPECT_EQ(here->tasks()->offsets.pgd, 64U + 24);
    EXPECT_EQ(here->tasks()->offsets.comm, 300U);
    EXPECT_EQ(here->tasks()->current_task, 0x40U);
    EXPECT_EQ(here->tasks()->cpu_number, 0x4cU);
}

TEST(GuestKernel, FoundThroughAFile) {
    FakeKernel kernel;
    const MapFile file(kernel);
    GuestKernelQuestion question{lstar_hints(kernel.text + 0x8000), file.path(), ""};
    auto here = found(kernel, question);
    ASSERT_TRUE(here);
    EXPECT_EQ(here->offset(), 0x1700'0000U);
    EXPECT_EQ(here->symbols().find("init_task")[0].address, kernel.init_task);
    EXPECT_EQ(here->symbols().find("current_task")[0].address, 0x40U) << "per-CPU offsets do not move";
    EXPECT_TRUE(here->tasks()) << here->why_no_tasks()->sentence();

    question.hints = pv_hints(kernel.text + 0x9000, kernel.text + 0x9040);
    EXPECT_TRUE(found(kernel, question));
    question.hints = pv_hints(kernel.text + 0x9000, 0);
    EXPECT_TRUE(found(kernel, question));
}

TEST(GuestKernel, AnotherKernelsFileIsRefused) {
    FakeKernel kernel;
    const MapFile file(kernel, 0x40);
    const auto wrong =
        GuestKernel::find(kernel.guest.memory, {lstar_hints(kernel.text + 0x8000), file.path(), ""});
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().sentence().find("another kernel's"), std::string::npos)
        << wrong.error().sentence();
    EXPECT_NE(wrong.error().sentence().find("the guest says 'Linux version 6.1.0-56-amd64"),
              std::string::npos);

    auto hints = lstar_hints(kernel.text + 0x8000);
    const auto more = pv_hints(kernel.text + 0x9000, 0);
    hints.insert(hints.end(), more.begin(), more.end());
    const auto disagree = GuestKernel::find(kernel.guest.memory, {hints, file.path(), ""});
    ASSERT_FALSE(disagree);
    EXPECT_NE(disagree.error().sentence().find("elsewhere"), std::string::npos)
        << disagree.error().sentence();

    const auto none = GuestKernel::find(kernel.guest.memory, {{}, file.path(), ""});
    ASSERT_FALSE(none);
    EXPECT_FALSE(GuestKernel::find(kernel.guest.memory, {hints, "/nowhere", ""}));
}

TEST(GuestKernel, AStubOfASystemMapIsRefused) {
    const auto path =
        std::filesystem::temp_directory_path() / ("stakeout-stub-" + std::to_string(::getpid()));
    std::ofstream(path)
        << "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n";
    const auto file = KernelSymbols::read_file(path);
    std::filesystem::remove(path);
    ASSERT_FALSE(file);
    EXPECT_NE(file.error().sentence().find("no kernel's symbols"), std::string::npos);
}

TEST(GuestKernel, NoKernelAtAll) {
    FakeGuest guest;
    const auto nothing = GuestKernel::find(guest.memory, {});
    ASSERT_FALSE(nothing);
    EXPECT_NE(nothing.error().sentence().find("map nothing"), std::string::npos);
    guest.write(FakeKernel::linked, std::vector<std::uint8_t>(1 << 20, 0x90));
    EXPECT_FALSE(GuestKernel::find(guest.memory, {}));
}

TEST(GuestKernel, WithoutTypesTheRestIsThere) {
    FakeKernel kernel;
    kernel.guest.write(kernel.text + 0x20'2000, std::vector<std::uint8_t>(64, 0xff));
    const auto here = found(kernel);
    ASSERT_TRUE(here);
    EXPECT_FALSE(here->types());
    ASSERT_TRUE(here->why_no_types());
    EXPECT_FALSE(here->tasks());
}

// A module at `at`, with two symbols and the nameless first one, whose next one in the list is `next`.
void put_module(FakeGuest& guest, std::uint64_t at, std::uint64_t next, const char* name) {
    const std::uint64_t tables = at + 0x400, symtab = at + 0x500, strtab = at + 0x800, typetab = at + 0x900;
    guest.write(at, std::vector<std::uint8_t>(4096, 0));
    guest.write_value(at + 8, next);
    guest.write_text(at + 24, name);
    guest.write_value(at + 128, tables);
    guest.write_value(tables, symtab);
    guest.write_value<std::uint32_t>(tables + 8, 3);
    guest.write_value(tables + 16, strtab);
    guest.write_value(tables + 24, typetab);
    std::array<Elf64_Sym, 3> list{};
    list[1].st_name = 1, list[1].st_value = 0xffff'ffff'c020'0000ULL;
    list[2].st_name = 6, list[2].st_value = 0xffff'ffff'c020'0100ULL;
    guest.write_value(symtab, list);
    guest.write(strtab, std::vector<std::uint8_t>{0, 'p', 'r', 'o', 'b', 0});
    guest.write_text(strtab + 6, "remove_one");
    guest.write_text(typetab, "?td");
}

TEST(GuestKernel, ModulesSymbolsToo) {
    FakeKernel kernel;
    const std::uint64_t first = 0xffff'ffff'c100'0000ULL, second = first + 0x10000, coming = first + 0x20000;
    put_module(kernel.guest, first, second + 8, "xen_netfront");
    put_module(kernel.guest, second, coming + 8, "nfs");
    put_module(kernel.guest, coming, kernel.modules, "late");
    kernel.guest.write_value<std::uint32_t>(coming, 1); // MODULE_STATE_COMING
    kernel.guest.write_value(kernel.modules, first + 8);
    auto here = found(kernel);
    ASSERT_TRUE(here);
    EXPECT_EQ(here->modules(), 2U);
    const auto symbol = here->symbols().containing(0xffff'ffff'c020'0104ULL);
    ASSERT_TRUE(symbol);
    EXPECT_EQ(symbol->name, "remove_one");
    EXPECT_EQ(symbol->type, 'd');
    EXPECT_EQ(here->symbols().find("xen_netfront:prob").size(), 1U);
    EXPECT_EQ(here->symbols().find("nfs:prob").size(), 1U);
    EXPECT_TRUE(here->symbols().find("late:prob").empty());

    kernel.guest.write_value<std::uint32_t>(first + 0x408, 0x7fff'ffff); // symbols without number
    kernel.guest.write_value(second + 8, first + 8);                     // and a list without end
    here = found(kernel);
    ASSERT_TRUE(here);
    EXPECT_TRUE(here->symbols().find("xen_netfront:prob").empty());
    kernel.guest.write_value<std::uint64_t>(kernel.modules, 0x1234);
    here = found(kernel);
    ASSERT_TRUE(here);
    EXPECT_EQ(here->modules(), 0U);
}

TEST(GuestKernel, UserTablesOfPti) {
    FakeKernel kernel;
    FakeFrames& frames = kernel.guest.frames;
    // The kernel's tables at an even frame, the user's in the next: with one page of the kernel in it.
    const auto whole = frames.at(1);
    std::copy(whole.begin(), whole.end(), frames.at(0x8000).begin());
    (void)frames.at(0x8001);
    EXPECT_EQ(tables_with_kernel(frames, {0x8001, 4}).root, 0x8000U);
    EXPECT_EQ(tables_with_kernel(frames, {0x8000, 4}).root, 0x8000U);
    EXPECT_EQ(tables_with_kernel(frames, {1, 4}).root, 1U) << "an odd frame that is whole";
}

TEST(KernelPlace, HintsOfTheInterruptTable) {
    FakeGuest guest;
    const std::uint64_t idt = 0xffff'fe00'0000'0000ULL;
    guest.write(idt, std::vector<std::uint8_t>(4096, 0));
    const std::uint64_t handler = 0xffff'ffff'98c0'0be0ULL;
    guest.write_value(idt + 14 * 16, static_cast<std::uint16_t>(handler));
    guest.write_value<std::uint16_t>(idt + 14 * 16 + 4, 0x8e00);
    guest.write_value(idt + 14 * 16 + 6, static_cast<std::uint16_t>(handler >> 16));
    guest.write_value(idt + 14 * 16 + 8, static_cast<std::uint32_t>(handler >> 32));
    const auto hints = idt_hints(guest.memory, idt);
    ASSERT_EQ(hints.size(), 1U);
    EXPECT_EQ(hints[0].address, handler);
    EXPECT_EQ(hints[0].symbols[0], "asm_exc_page_fault");
    EXPECT_TRUE(idt_hints(guest.memory, 0x1000).empty());
    EXPECT_EQ(release_of("Linux version 6.12.95+deb12-amd64 (x) y"), "6.12.95+deb12-amd64");
    EXPECT_EQ(release_of("nothing"), "");
}

class Tasks : public ::testing::TestWithParam<bool> {
  protected:
    Tasks() : kernel(0x1700'0000, GetParam()) {
        pgd = FakeKernel::direct_map + 0x50'0000;
        mm = FakeKernel::direct_map + 0x51'0000;
        kernel.guest.write(pgd, std::vector<std::uint8_t>(4096, 0));
        kernel.guest.write_value(mm + 64 + 24, pgd);
        kernel.tasks({{kernel.init_task, 0, 0, "swapper/0"},
                      {first, 1, 1, "init", mm},
                      {worker, 2, 2, "kthreadd", 0, 0xffff'c900'0000'4000ULL},
                      {ours, 120, 120, "nginx", mm, 0xffff'c900'0000'8000ULL}});
        here = found(kernel);
    }
    static constexpr std::uint64_t first = FakeKernel::direct_map + 0x40'0000, worker = first + 0x1000,
                                   ours = first + 0x2000;
    FakeKernel kernel;
    std::uint64_t pgd = 0, mm = 0;
    std::unique_ptr<GuestKernel> here;
};
INSTANTIATE_TEST_SUITE_P(OldAndHot, Tasks, ::testing::Bool());

TEST_P(Tasks, TheOneThatRuns) {
    ASSERT_TRUE(here && here->tasks());
    kernel.runs(FakeKernel::per_cpu_1, ours);
    auto task = current_task(kernel.guest.memory, *here->tasks(), FakeKernel::per_cpu_1);
    ASSERT_TRUE(task);
    EXPECT_EQ(task->pid, 120U);
    EXPECT_EQ(task->comm, "nginx");
    EXPECT_EQ(task->stack, 0xffff'c900'0000'8000ULL);
    EXPECT_EQ(cpu_of(kernel.guest.memory, *here->tasks(), FakeKernel::per_cpu_1), 1U);
    kernel.runs(FakeKernel::per_cpu_0, kernel.init_task);
    task = current_task(kernel.guest.memory, *here->tasks(), FakeKernel::per_cpu_0);
    ASSERT_TRUE(task);
    EXPECT_EQ(task->pid, 0U);
    EXPECT_EQ(task->comm, "swapper/0");
}

TEST_P(Tasks, AbsentRatherThanGuessed) {
    ASSERT_TRUE(here && here->tasks());
    GuestMemory& memory = kernel.guest.memory;
    const TaskFinder& finder = *here->tasks();
    kernel.runs(FakeKernel::per_cpu_0, ours);
    EXPECT_FALSE(current_task(memory, finder, 0x7fff'0000'0000ULL)) << "a user's GS base";
    EXPECT_FALSE(current_task(memory, finder, FakeKernel::per_cpu_0 + 0x1000)) << "no CPU's";
    EXPECT_FALSE(current_task(memory, finder, 0));
    for (const std::uint64_t wrong : {std::uint64_t{0}, ours + 4, ours + 0x100000, std::uint64_t{0x1000}}) {
        kernel.runs(FakeKernel::per_cpu_0, wrong);
        EXPECT_FALSE(current_task(memory, finder, FakeKernel::per_cpu_0)) << wrong;
    }
    kernel.guest.write_value<std::uint32_t>(ours + 204, 0x7fff'ffff);
    EXPECT_FALSE(task_at(memory, finder, ours)) << "too large a number";
    kernel.guest.write_value<std::uint32_t>(ours + 204, 120);
    kernel.guest.write(ours + 300, std::vector<std::uint8_t>(16, 'x'));
    EXPECT_FALSE(task_at(memory, finder, ours)) << "a name without end";
    kernel.guest.write(ours + 300, std::vector<std::uint8_t>{'a', 7, 0});
    EXPECT_FALSE(task_at(memory, finder, ours)) << "a name of no letters";
}

TEST_P(Tasks, AProcessAndItsPageTables) {
    ASSERT_TRUE(here && here->tasks());
    GuestMemory& memory = kernel.guest.memory;
    const auto process = find_process(memory, *here->tasks(), 120);
    ASSERT_TRUE(process) << process.error().sentence();
    EXPECT_EQ(process->task.address, ours);
    EXPECT_EQ(process->tables.root, *memory.physical(pgd) / 4096);
    EXPECT_EQ(process->tables.levels, 4);
    EXPECT_NE(find_process(memory, *here->tasks(), 2).error().sentence().find("kernel thread"),
              std::string::npos);
    EXPECT_NE(find_process(memory, *here->tasks(), 77).error().sentence().find("no process"),
              std::string::npos);
}

TEST_P(Tasks, ListsThatCannotBeFollowed) {
    ASSERT_TRUE(here && here->tasks());
    GuestMemory& memory = kernel.guest.memory;
    kernel.guest.write_value(ours + 96, first + 96); // a loop without init_task
    auto process = find_process(memory, *here->tasks(), 77);
    ASSERT_FALSE(process);
    EXPECT_NE(process.error().sentence().find("no end"), std::string::npos);
    kernel.guest.write_value<std::uint64_t>(ours + 96, 0xdead'0000'0000'0100ULL); // LIST_POISON1
    process = find_process(memory, *here->tasks(), 77);
    ASSERT_FALSE(process);
    EXPECT_NE(process.error().sentence().find("leads to 0xdead000000000100"), std::string::npos);
    EXPECT_TRUE(find_process(memory, *here->tasks(), 1)) << "it comes before the damage";
}

TEST(GuestTypes, DamagedBtf) {
    const auto whole = made_up_btf(true);
    for (std::size_t length = 0; length < whole.size(); length += 3)
        (void)KernelTypes::parse(std::span(whole).first(length));
    for (std::size_t at = 0; at < whole.size(); ++at) {
        auto bytes = whole;
        bytes[at] = static_cast<std::uint8_t>(~bytes[at]);
        const auto types = KernelTypes::parse(bytes);
        if (types) (void)task_finder(**types, *KernelSymbols::parse("ffffffff81000000 D init_task\n"));
    }
    const auto types = KernelTypes::parse(whole);
    ASSERT_TRUE(types);
    const auto finder = task_finder(**types, *KernelSymbols::parse("ffffffff81000000 D init_task\n"));
    ASSERT_FALSE(finder);
    EXPECT_NE(finder.error().sentence().find("current_task"), std::string::npos);
}

} // namespace

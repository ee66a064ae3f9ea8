// On the running kernel's own BTF: layouts are compared with what the kernel shows elsewhere or with each
// other.
#include "watchpoints/target/expression.h"
#include "watchpoints/target/kernel_types.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

class KernelTypesTest : public testing::Test {
  protected:
    void SetUp() override {
        auto loaded = KernelTypes::load();
        if (!loaded) GTEST_SKIP() << "this kernel has no BTF";
        types_ = std::move(*loaded);
    }
    Result<TypedPlace> walk(const char* type, const std::string& path, bool pointer_like = false,
                            std::uint64_t at = 0x100000) {
        const auto id = types_->find(type);
        if (!id) return id.error();
        auto parsed = parse_symbol("x" + path);
        if (!parsed) return parsed.error();
        return types_->walk(at, *id, pointer_like, parsed->path,
                            [this](std::uint64_t address, std::uint64_t& word) {
                                read_.push_back(address);
                                word = pointer_;
                                return pointer_ != 1;
                            });
    }
    std::unique_ptr<KernelTypes> types_;
    std::vector<std::uint64_t> read_;
    std::uint64_t pointer_ = 0x200000;
};

TEST_F(KernelTypesTest, WidthComesFromTheField) {
    const auto pid = walk("struct task_struct", ".pid");
    ASSERT_TRUE(pid) << pid.error().sentence();
    EXPECT_EQ(pid->size, 4U);
    EXPECT_EQ(pid->type_name, "pid_t");
    const auto comm = walk("struct task_struct", ".comm");
    ASSERT_TRUE(comm);
    EXPECT_EQ(comm->size, 16U);
    const auto third = walk("struct task_struct", ".comm[3]");
    ASSERT_TRUE(third);
    EXPECT_EQ(third->address, comm->address + 3);
    EXPECT_EQ(third->size, 1U);
}

TEST_F(KernelTypesTest, ArrowFollowsAPointer) {
    const auto place = walk("struct task_struct", ".signal->nr_threads");
    ASSERT_TRUE(place) << place.error().sentence();
    ASSERT_EQ(read_.size(), 1U);
    EXPECT_EQ(read_[0], walk("struct task_struct", ".signal")->address);
    EXPECT_EQ(place->address, walk("struct signal_struct", ".nr_threads", false, 0x200000)->address);
}

TEST_F(KernelTypesTest, AnObjectTakesAnArrowFirst) {
    EXPECT_TRUE(walk("struct task_struct", "->pid", true));
    const auto refused = walk("struct task_struct", "->pid", false);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().sentence().find("is not a pointer"), std::string::npos);
    const auto dotted = walk("struct task_struct", ".signal.nr_threads");
    ASSERT_FALSE(dotted);
    EXPECT_NE(dotted.error().sentence().find("write ->nr_threads"), std::string::npos);
}

TEST_F(KernelTypesTest, NullAndUnreadablePointersAreToldApart) {
    pointer_ = 0;
    auto null = walk("struct task_struct", ".signal->nr_threads");
    ASSERT_FALSE(null);
    EXPECT_NE(null.error().sentence().find("NULL"), std::string::npos);
    pointer_ = 1;
    auto unreadable = walk("struct task_struct", ".signal->nr_threads");
    ASSERT_FALSE(unreadable);
    EXPECT_NE(unreadable.error().sentence().find("cannot be read"), std::string::npos);
}

TEST_F(KernelTypesTest, UnknownFieldNamesNearOnes) {
    const auto place = walk("struct task_struct", ".clear_chld_tid");
    ASSERT_FALSE(place);
    EXPECT_NE(place.error().sentence().find("clear_child_tid"), std::string::npos)
        << place.error().sentence();
}

TEST_F(KernelTypesTest, AnonymousMembersAreLookedInto) {
    // struct page has been a nest of anonymous unions in all kernels with BTF.
    EXPECT_TRUE(walk("struct page", ".mapping"));
    EXPECT_TRUE(walk("struct page", "._refcount.counter"));
}

TEST_F(KernelTypesTest, ABitFieldIsItsWord) {
    const auto place = walk("struct task_struct", ".sched_reset_on_fork");
    ASSERT_TRUE(place) << place.error().sentence();
    EXPECT_EQ(place->size, 4U);
    EXPECT_NE(place->note.find("bit-field"), std::string::npos);
    EXPECT_EQ(place->address % 4, 0U);
}

TEST_F(KernelTypesTest, IndexBeyondTheArrayIsRefused) {
    const auto place = walk("struct task_struct", ".comm[16]");
    ASSERT_FALSE(place);
    EXPECT_NE(place.error().sentence().find("16 elements"), std::string::npos);
    EXPECT_FALSE(walk("struct task_struct", ".pid[0]"));
    EXPECT_FALSE(walk("struct task_struct", ".pid.x"));
}

TEST_F(KernelTypesTest, PerCpuVariables) {
    EXPECT_TRUE(types_->per_cpu_variable("runqueues"));
    EXPECT_FALSE(types_->per_cpu_variable("runqueue"));
}

TEST_F(KernelTypesTest, TypeNames) {
    for (const char* name : {"struct net", "u64", "unsigned long", "task_struct", "struct page *"})
        EXPECT_TRUE(types_->find(name)) << name;
    EXPECT_FALSE(types_->find("struct no_such_thing"));
}

} // namespace
} // namespace stakeout

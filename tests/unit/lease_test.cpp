// One bridge a domain. On the real file in /run, of a domain number that Xen never gives (needs root).
#include "xen-bridge/care/lease.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace stakeout {
namespace {

constexpr std::uint32_t nobody = 0x7ff1; // Xen's own domains begin at 0x7ff0

class LeaseTest : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        domain_.id = nobody;
        domain_.name = "web1";
        domain_.uuid = {1, 2, 3};
    }
    void TearDown() override {
        auto left = Lease::take_over(nobody);
        if (left && *left) (*left)->finish();
    }
    Domain domain_;
};

TEST_F(LeaseTest, TellsWhoHasTheDomain) {
    auto first = Lease::take(domain_, "debug-register", "jiffies_64");
    ASSERT_TRUE(first);
    auto second = Lease::take(domain_, "page-diff", "other");
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().cause.find("watches jiffies_64 in it by debug-register"), std::string::npos);
    const auto facts = Lease::of(nobody);
    ASSERT_TRUE(facts);
    EXPECT_TRUE(facts->alive);
    EXPECT_FALSE(facts->armed);
    EXPECT_EQ(facts->bridge_pid, ::getpid());
    EXPECT_EQ(facts->domain_name, "web1");
}

TEST_F(LeaseTest, IsRootsAlone) {
    const auto lease = Lease::take(domain_, "page-diff", "x");
    ASSERT_TRUE(lease);
    struct stat file{}, folder{};
    ASSERT_EQ(::fstat((*lease)->fd(), &file), 0);
    ASSERT_EQ(::stat("/run/stakeout/xen", &folder), 0);
    EXPECT_EQ(file.st_mode & 0777, 0600U);
    EXPECT_EQ(folder.st_mode & 0777, 0700U);
}

TEST_F(LeaseTest, WhatADeadOneLeftIsKeptUntilItIsHealed) {
    {
        auto lease = Lease::take(domain_, "mem-access", "x");
        ASSERT_TRUE(lease);
        (*lease)->list().frames[0] = 0x2a07;
        (*lease)->list().frames_count = 1;
    } // its process died
    const auto facts = Lease::of(nobody);
    ASSERT_TRUE(facts);
    EXPECT_FALSE(facts->alive);
    EXPECT_TRUE(facts->armed);
    auto refused = Lease::take(domain_, "mem-access", "y");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().remedy.find("release"), std::string::npos);
    auto healer = Lease::take_over(nobody);
    ASSERT_TRUE(healer && *healer);
    EXPECT_EQ((*healer)->list().frames[0], 0x2a07U);
    (*healer)->finish();
    EXPECT_FALSE(Lease::of(nobody));
}

TEST_F(LeaseTest, ANewDomainOfTheSameNumberOwesNothing) {
    {
        auto lease = Lease::take(domain_, "mem-access", "x");
        ASSERT_TRUE(lease);
        (*lease)->list().monitor = 1;
    }
    domain_.uuid = {4, 5, 6};
    EXPECT_TRUE(Lease::take(domain_, "mem-access", "y"));
}

} // namespace
} // namespace stakeout

#include "loader/compiler/cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace stakeout {
namespace {

namespace fs = std::filesystem;

class Cache : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "the cache is root's";
        folder_ = fs::temp_directory_path() / ("cache." + std::to_string(::getpid()));
        script_.object = {'E', 'L', 'F', '\0', 'x'};
        script_.warnings = "guard.c:1: warning\n";
        script_.findings = {{Finding::Severity::Hint, 3, "rule", "text", "instead"}};
    }
    void TearDown() override { fs::remove_all(folder_); }

    [[nodiscard]] ScriptCache cache() const { return ScriptCache(folder_); }
    [[nodiscard]] fs::path entry() const { return folder_ / (key_ + ".script"); }
    // One notice, with these words, and no script.
    void expect_passed_over(const std::string& words) {
        std::vector<std::string> notices;
        EXPECT_FALSE(cache().lookup(key_, notices));
        ASSERT_EQ(notices.size(), 1U);
        EXPECT_NE(notices.front().find(words), std::string::npos) << notices.front();
    }

    fs::path folder_;
    std::string key_ = std::string(64, 'a');
    CompiledScript script_;
    std::vector<std::string> notices_;
};

TEST_F(Cache, GivesBackWhatWasKept) {
    EXPECT_FALSE(cache().lookup(key_, notices_));
    cache().store(key_, script_);
    const auto kept = cache().lookup(key_, notices_);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->object, script_.object);
    EXPECT_EQ(kept->warnings, script_.warnings);
    EXPECT_EQ(kept->findings, script_.findings);
    EXPECT_FALSE(cache().lookup(std::string(64, 'b'), notices_));
    EXPECT_TRUE(notices_.empty());
    struct stat facts{};
    ASSERT_EQ(::stat(folder_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0700U);
    ASSERT_EQ(::stat(entry().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST_F(Cache, EveryDamagedByteIsNoticed) {
    cache().store(key_, script_);
    std::string whole;
    std::getline(std::ifstream(entry(), std::ios::binary), whole, '\xff'); // no such byte in it
    for (std::size_t at = 0; at < whole.size(); at += 7) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        std::ofstream(entry(), std::ios::binary) << damaged;
        expect_passed_over("damaged");
        std::ofstream(entry(), std::ios::binary) << whole.substr(0, at);
        expect_passed_over("damaged");
    }
}

TEST_F(Cache, AnEntryOfAnotherKeyIsNotTaken) {
    cache().store(std::string(64, 'b'), script_);
    fs::rename(folder_ / (std::string(64, 'b') + ".script"), entry());
    expect_passed_over("of another script");
}

TEST_F(Cache, OnlyRootsAloneIsTaken) {
    cache().store(key_, script_);
    fs::permissions(entry(), fs::perms::group_write, fs::perm_options::add);
    expect_passed_over("not root's alone");
    fs::permissions(entry(), fs::perms::group_write, fs::perm_options::remove);
    ASSERT_EQ(::chown(entry().c_str(), 1, 1), 0);
    expect_passed_over("not root's alone");
    fs::rename(entry(), folder_ / "other");
    fs::create_symlink("other", entry());
    expect_passed_over("symbolic link");
    fs::remove(entry());
    fs::create_directory(entry());
    expect_passed_over("it is no file");
}

TEST_F(Cache, AFolderOfOthersIsNotUsed) {
    fs::create_directory(folder_);
    fs::permissions(folder_, fs::perms::all);
    cache().store(key_, script_);
    EXPECT_TRUE(fs::is_empty(folder_));
    expect_passed_over("not root's alone");
}

TEST_F(Cache, WithoutAPlaceToWriteThereIsNone) {
    const ScriptCache nowhere("/proc/no such folder/cache");
    nowhere.store(key_, script_);
    EXPECT_FALSE(nowhere.lookup(key_, notices_));
    const ScriptCache full("/dev/full/cache");
    full.store(key_, script_);
    EXPECT_FALSE(full.lookup(key_, notices_));
    EXPECT_TRUE(notices_.empty());
}

TEST_F(Cache, TheLeastUsedGo) {
    const auto key = [](std::size_t index) { return std::string(60, 'c') + std::to_string(1000 + index); };
    for (std::size_t index = 0; index < ScriptCache::most_entries; ++index) {
        cache().store(key(index), script_);
        const timespec times[2] = {{static_cast<time_t>(1000 + index), 0},
                                   {static_cast<time_t>(1000 + index), 0}};
        ASSERT_EQ(::utimensat(AT_FDCWD, (folder_ / (key(index) + ".script")).c_str(), times, 0), 0);
    }
    EXPECT_TRUE(cache().lookup(key(0), notices_)); // used: the oldest is number 1 now
    std::ofstream(folder_ / "x.unfinished") << "half";
    const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (folder_ / "x.unfinished").c_str(), long_ago, 0), 0);
    cache().store(key_, script_);
    EXPECT_TRUE(cache().lookup(key(0), notices_));
    EXPECT_FALSE(cache().lookup(key(1), notices_));
    EXPECT_TRUE(cache().lookup(key(2), notices_));
    EXPECT_FALSE(fs::exists(folder_ / "x.unfinished"));
}

TEST_F(Cache, RefusedScriptsAndThoseWithLocalFilesAreNotKept) {
    script_.read_local_files = true;
    cache().store(key_, script_);
    script_.read_local_files = false;
    script_.findings.front().severity = Finding::Severity::Error;
    cache().store(key_, script_);
    EXPECT_FALSE(fs::exists(entry()));
}

TEST_F(Cache, TheKeyDependsOnTextAndOptionsOnly) {
    const auto key = cache_key({"a.c", "text"}, {});
    ASSERT_TRUE(key);
    EXPECT_EQ(key, cache_key({"/elsewhere/b.c", "text"}, {}));
    EXPECT_NE(key, cache_key({"a.c", "texts"}, {}));
    EXPECT_NE(key, cache_key({"a.c", "text"}, {.portable = true}));
}

TEST_F(Cache, ASecondCompilationIsRecalled) {
    const ScriptSource source{"guard.c", "#include <stakeout.h>\non_hit(h) { return keep; }\n"};
    const auto first = recall_or_compile(source, {}, cache(), notices_);
    const auto second = recall_or_compile(source, {}, cache(), notices_);
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(first->from_cache);
    EXPECT_TRUE(second->from_cache);
    EXPECT_EQ(first->script.object, second->script.object);
    EXPECT_TRUE(notices_.empty());
}

} // namespace
} // namespace stakeout

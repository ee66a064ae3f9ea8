// Recordings in files: rotation, full disks, files that are somebody else's.
#include "random_hits.h"
#include "told.h"

#include "recording/file_store.h"
#include "recording/read_recording.h"
#include "recording/recorder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace stakeout {
namespace {

using namespace test;
namespace fs = std::filesystem;

class Files : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "recordings-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { fs::remove_all(folder_); }

    [[nodiscard]] std::string path(const std::string& name = "hits.stk") const {
        return (folder_ / name).string();
    }
    void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
    [[nodiscard]] std::string text_of(const std::string& name) const {
        std::ifstream file(path(name));
        return {std::istreambuf_iterator<char>(file), {}};
    }

    fs::path folder_;
};

// A recorder into files, that tells what it recorded.
class Recording {
  public:
    explicit Recording(const FileStoreOptions& options, std::uint64_t seed = 1) : random_(seed) {
        auto opened = FileStore::open(options);
        if (!opened) {
            error = opened.error().sentence();
            return;
        }
        store_ = opened->get();
        RecordingFacts facts = some_facts();
        facts.recording += std::to_string(seed);
        recorder_ = std::make_unique<Recorder>(
            facts, std::move(*opened), [this](const std::string& sentence) { troubles.push_back(sentence); });
        recorder_->on_armed(random_.armed());
    }
    void record(int count) {
        for (int i = 0; i < count; ++i) {
            hits.push_back(random_.hit());
            recorder_->on_hit(hits.back());
        }
    }
    void finish_block() { recorder_->finish_block(); }
    void flush() { (void)recorder_->flush(); }
    [[nodiscard]] const FileStore& store() const { return *store_; }
    void end() {
        Summary summary;
        summary.hits = hits.size();
        recorder_->on_summary(summary);
        recorder_.reset();
    }
    // Until the store's thread has written what it was given, or could not.
    void wait(std::uint64_t bytes, std::uint64_t lost) const {
        while (store_->bytes_kept() < bytes || store_->lost_hits() < lost) ::usleep(1000);
    }

    std::vector<Hit> hits;
    std::vector<std::string> troubles;
    std::string error;

  private:
    RandomHits random_;
    std::unique_ptr<Recorder> recorder_;
    FileStore* store_ = nullptr;
};

FileStoreOptions options(const std::string& path) { return {.path = path}; }

TEST_F(Files, WhatIsWrittenIsRead) {
    Recording recording(options(path()));
    recording.record(2000);
    recording.end();
    struct stat status{};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600);
    Told told;
    const auto read = read_recording(path(), told);
    ASSERT_TRUE(read) << read.error().sentence();
    EXPECT_TRUE(read->damage.empty());
    ASSERT_EQ(told.hits.size(), recording.hits.size());
    for (std::size_t i = 0; i < told.hits.size(); ++i) expect_same(recording.hits[i], told.hits[i]);
    EXPECT_EQ(told.summaries.at(0).hits, 2000);
}

// Full files are moved away, as many as are to be kept stay, each can be read alone, and together they are
// the newest hits without a gap.
TEST_F(Files, Rotation) {
    FileStoreOptions small = options(path());
    small.max_size = FileStore::least_size;
    small.keep = 2;
    Recording recording(small);
    while (!fs::exists(path("hits.stk.2")) || recording.hits.size() < 40'000) {
        recording.record(100);
        recording.finish_block();
        const auto bytes = recording.store().bytes_kept();
        recording.wait(bytes, 0);
    }
    recording.record(5000);
    recording.finish_block();
    EXPECT_EQ(recording.store().lost_hits(), 0);
    recording.end();
    EXPECT_FALSE(fs::exists(path("hits.stk.3")));
    std::size_t alone = 0;
    for (const char* name : {"hits.stk", "hits.stk.1", "hits.stk.2"}) {
        EXPECT_LE(fs::file_size(path(name)), small.max_size);
        const Read read = read_all(text_of(name));
        EXPECT_TRUE(read.status && read.replayed.damage.empty()) << name;
        EXPECT_EQ(read.told.armed.size(), 1);
        alone += read.told.hits.size();
    }
    Told told;
    const auto read = read_recording(path(), told);
    ASSERT_TRUE(read);
    ASSERT_EQ(told.hits.size(), alone);
    EXPECT_EQ(told.armed.size(), 1);
    EXPECT_GT(read->first_segment, 0);
    const std::size_t gone = recording.hits.size() - alone;
    EXPECT_GT(gone, 0);
    for (std::size_t i = 0; i < alone; i += 97) expect_same(recording.hits[gone + i], told.hits[i]);
}

TEST_F(Files, AnOlderRecordingIsMovedAwayAndNotReadWithTheNewOne) {
    {
        Recording first(options(path()), 1);
        first.record(10);
        first.end();
    }
    const std::string before = text_of("hits.stk");
    Recording second(options(path()), 2);
    second.record(20);
    second.end();
    EXPECT_EQ(text_of("hits.stk.1"), before);
    Told told;
    ASSERT_TRUE(read_recording(path(), told));
    EXPECT_EQ(told.hits.size(), 20);
    Told older;
    ASSERT_TRUE(read_recording(path("hits.stk.1"), older));
    EXPECT_EQ(older.hits.size(), 10);
}

TEST_F(Files, WhatIsNoRecordingIsLeftAlone) {
    write("hits.stk", "somebody's letter");
    EXPECT_NE(Recording(options(path())).error.find("is no recording"), std::string::npos);
    EXPECT_EQ(text_of("hits.stk"), "somebody's letter");
    fs::remove(path());
    write("hits.stk.2", "somebody's letter");
    EXPECT_NE(Recording(options(path())).error.find("hits.stk.2 is there already, and is no recording"),
              std::string::npos);
    EXPECT_EQ(text_of("hits.stk.2"), "somebody's letter");
    fs::remove(path("hits.stk.2"));
    ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
    EXPECT_NE(Recording(options(path())).error.find("is no regular file"), std::string::npos);
}

TEST_F(Files, LinksAreNotFollowed) {
    write("victim", "");
    fs::create_symlink(path("victim"), path());
    EXPECT_NE(Recording(options(path())).error.find("is a symbolic link"), std::string::npos);
    fs::remove(path());
    fs::create_symlink(path("nowhere"), path("hits.stk.1"));
    EXPECT_NE(Recording(options(path())).error.find("is a symbolic link"), std::string::npos);
    EXPECT_FALSE(fs::exists(path("nowhere")));
    EXPECT_EQ(fs::file_size(path("victim")), 0);
}

TEST_F(Files, SomebodyElsesFileIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    {
        Recording mine(options(path()));
        mine.end();
    }
    ASSERT_EQ(::chown(path().c_str(), 1000, 1000), 0);
    EXPECT_NE(Recording(options(path())).error.find("belongs to somebody else"), std::string::npos);
}

// A disk that fills up: the watch goes on, what is lost is counted, and when there is room again the
// recording goes on, and says what it does not have.
TEST_F(Files, FullDisk) {
    const std::string disk = path("disk");
    fs::create_directory(disk);
    if (::mount("none", disk.c_str(), "tmpfs", 0, "size=256k") != 0)
        GTEST_SKIP() << "no tmpfs can be mounted";
    const std::string ballast = disk + "/ballast";
    std::ofstream(ballast) << std::string(100'000, 'x');
    Recording recording(options(disk + "/hits.stk"));
    while (recording.store().lost_hits() == 0) {
        recording.record(100);
        recording.finish_block();
        ::usleep(1000);
    }
    const auto kept = recording.store().bytes_kept();
    fs::remove(ballast);
    while (recording.store().bytes_kept() == kept) {
        recording.record(1);
        recording.finish_block();
        ::usleep(1000);
    }
    recording.flush();
    recording.flush();
    const std::uint64_t lost = recording.store().lost_hits();
    recording.end();
    Told told;
    const auto read = read_recording(disk + "/hits.stk", told);
    ::umount(disk.c_str());
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->damage.empty()) << read->damage.front().sentence(0);
    EXPECT_EQ(told.hits.size() + lost, recording.hits.size());
    EXPECT_EQ(read->not_recorded, lost);
    expect_same(told.hits.back(), recording.hits.back());
    ASSERT_EQ(recording.troubles.size(), 1);
    EXPECT_NE(recording.troubles[0].find("ENOSPC"), std::string::npos) << recording.troubles[0];
}

TEST_F(Files, ReadingWhatIsNotThere) {
    Told told;
    EXPECT_FALSE(read_recording(path("nothing"), told));
    EXPECT_FALSE(read_recording(folder_.string(), told));
    write("empty", "");
    const auto empty = read_recording(path("empty"), told);
    ASSERT_FALSE(empty);
    EXPECT_NE(empty.error().sentence().find("it is empty"), std::string::npos);
}

TEST_F(Files, FoldersThatAreNotThereAndSizesThatAreTooSmall) {
    EXPECT_FALSE(FileStore::open(options(path("no/such/folder.stk"))));
    EXPECT_FALSE(FileStore::open(options(folder_.string() + "/")));
    FileStoreOptions tiny = options(path());
    tiny.max_size = 1000;
    EXPECT_FALSE(FileStore::open(tiny));
    EXPECT_FALSE(fs::exists(path()));
}

} // namespace
} // namespace stakeout

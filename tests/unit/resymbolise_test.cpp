// Frames that were recorded without names get them where the very same file is at hand, and only there. The
// file is this program.
#include "told.h"

#include "recording/resymbolise.h"
#include "watchpoints/target/elf_image.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace stakeout::test {

[[gnu::noinline]] int a_function_to_be_found(int number) { return number + 1; }

namespace {

namespace fs = std::filesystem;

class Resymbolise : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "symbols-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        auto image = ElfImage::open("/proc/self/exe");
        ASSERT_TRUE(image);
        ASSERT_FALSE((*image)->build_id().empty());
        const auto found = (*image)->find("_ZN8stakeout4test22a_function_to_be_foundEi");
        ASSERT_EQ(found.size(), 1);
        frame_.ip = 0x7f12'3450'0000 + found[0].address + 1;
        frame_.image_address = found[0].address + 1;
        frame_.module = "/opt/far/away/program";
        frame_.build_id = (*image)->build_id();
        (void)a_function_to_be_found(1);
    }
    void TearDown() override { fs::remove_all(folder_); }

    void put(const fs::path& path) const {
        fs::create_directories(path.parent_path());
        fs::create_symlink(fs::read_symlink("/proc/self/exe"), path);
    }
    [[nodiscard]] Frame renewed(const Frame& frame, const SymbolPlaces& places) const {
        Told told;
        Resymboliser resymboliser(places, told);
        Hit hit;
        hit.user_stack = {frame};
        resymboliser.on_hit(hit);
        resymboliser.on_hit(hit);
        EXPECT_EQ(told.hits.at(0).user_stack, told.hits.at(1).user_stack);
        return told.hits.at(0).user_stack.at(0);
    }
    static void expect_found(const Frame& frame) {
        EXPECT_EQ(frame.symbol, "stakeout::test::a_function_to_be_found(int)");
        EXPECT_EQ(frame.offset, 1);
        EXPECT_NE(frame.file.find("resymbolise_test.cpp"), std::string::npos);
        EXPECT_GT(frame.line, 0);
        EXPECT_EQ(frame.module, "/opt/far/away/program");
    }

    fs::path folder_;
    Frame frame_;
};

TEST_F(Resymbolise, ByPathBelowAnotherRoot) {
    put(folder_ / "opt/far/away/program");
    expect_found(renewed(frame_, {folder_.string(), {}}));
}

TEST_F(Resymbolise, ByBuildId) {
    const std::string id = frame_.build_id.hex();
    put(folder_ / ".build-id" / id.substr(0, 2) / (id.substr(2) + ".debug"));
    expect_found(renewed(frame_, {"", {folder_.string()}}));
}

TEST_F(Resymbolise, AnotherFileByThatNameIsNotTaken) {
    put(folder_ / "opt/far/away/program");
    Frame other = frame_;
    other.symbol = "as_recorded";
    other.build_id = BuildId::from_hex("00112233");
    EXPECT_EQ(renewed(other, {folder_.string(), {}}), other);
    other.build_id = {};
    EXPECT_EQ(renewed(other, {folder_.string(), {}}), other);
}

} // namespace
} // namespace stakeout::test

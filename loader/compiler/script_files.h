// The file system that the compiler sees, and all it sees: the script, the headers inside the binary, the
// generated vmlinux.h, and the real files in the script's own folder and below. A header of ours wins over a
// file of its name.
#pragma once

#include <llvm/Support/VirtualFileSystem.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace stakeout {

class ScriptFiles : public llvm::vfs::FileSystem {
  public:
    // Where the headers are, for the compiler's -isystem.
    static constexpr std::string_view header_folder = "/stakeout-headers";

    ScriptFiles(std::string_view script_path, std::string_view script_text, std::string_view vmlinux_header);

    // A file of the script's folder was opened.
    [[nodiscard]] bool read_local_files() const { return read_local_files_; }

    llvm::ErrorOr<llvm::vfs::Status> status(const llvm::Twine& path) override;
    llvm::ErrorOr<std::unique_ptr<llvm::vfs::File>> openFileForRead(const llvm::Twine& path) override;
    llvm::vfs::directory_iterator dir_begin(const llvm::Twine& path, std::error_code& error) override;
    llvm::ErrorOr<std::string> getCurrentWorkingDirectory() const override;
    std::error_code setCurrentWorkingDirectory(const llvm::Twine& path) override;

  private:
    [[nodiscard]] std::string absolute(const llvm::Twine& path) const;
    // The real file or folder's own path, when it is one that may be read; else empty.
    [[nodiscard]] std::string allowed(const std::string& path) const;

    llvm::IntrusiveRefCntPtr<llvm::vfs::InMemoryFileSystem> memory_; // the script and the headers
    std::string working_folder_;
    std::string script_folder_; // absolute, as written
    std::string real_folder_;   // the same without symbolic links; empty: there is no such folder
    bool read_local_files_ = false;
};

} // namespace stakeout

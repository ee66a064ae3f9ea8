#include "loader/compiler/script_files.h"

#include "loader/compiler/embedded_headers.h"

#include <llvm/ADT/SmallString.h>
#include <llvm/Support/FileSystem.h>
#include <llvm/Support/Path.h>

namespace stakeout {
namespace {

llvm::StringRef as_ref(std::string_view text) { return {text.data(), text.size()}; }

bool lies_in(llvm::StringRef path, llvm::StringRef folder) {
    return path.consume_front(folder) && (path.empty() || path.front() == '/' || folder == "/");
}

std::string real_path(const std::string& path) {
    llvm::SmallString<256> real;
    if (llvm::sys::fs::real_path(path, real)) return {};
    return real.str().str();
}

} // namespace

ScriptFiles::ScriptFiles(std::string_view script_path, std::string_view script_text,
                         std::string_view vmlinux_header)
    : memory_(llvm::makeIntrusiveRefCnt<llvm::vfs::InMemoryFileSystem>()) {
    llvm::SmallString<256> current;
    // Without a current folder (it was removed) the script's absolute path still works.
    working_folder_ = llvm::sys::fs::current_path(current) ? "/" : current.str().str();
    const std::string script = absolute(as_ref(script_path));
    script_folder_ = llvm::sys::path::parent_path(script).str();
    real_folder_ = real_path(script_folder_);

    // The text ends in a zero byte where it is kept, as the lexer wants it.
    const auto add = [this](const std::string& path, std::string_view text) {
        memory_->addFile(path, 0, llvm::MemoryBuffer::getMemBufferCopy(as_ref(text), path));
    };
    const std::string root = std::string(header_folder) + "/";
    for (const EmbeddedHeader& header : embedded_headers())
        memory_->addFileNoOwn(
            root + header.name, 0,
            {{header.text, static_cast<std::size_t>(header.end - header.text)}, header.name});
    add(root + "vmlinux.h", vmlinux_header);
    add(script, script_text);
}

std::string ScriptFiles::absolute(const llvm::Twine& path) const {
    llvm::SmallString<256> full;
    path.toVector(full);
    if (!llvm::sys::path::is_absolute(full)) {
        const llvm::SmallString<256> relative = full;
        full = working_folder_;
        llvm::sys::path::append(full, relative);
    }
    llvm::sys::path::remove_dots(full, true);
    return full.str().str();
}

std::string ScriptFiles::allowed(const std::string& path) const {
    if (real_folder_.empty() || !lies_in(path, script_folder_)) return {};
    // "vmlinux.h" beside a script has all types of another kernel.
    llvm::StringRef name = llvm::StringRef(path).substr(script_folder_.size());
    name.consume_front("/");
    if (name == "vmlinux.h" || embedded_header({name.data(), name.size()})) return {};
    std::string real = real_path(path);
    return lies_in(real, real_folder_) ? real : std::string();
}

llvm::ErrorOr<llvm::vfs::Status> ScriptFiles::status(const llvm::Twine& path) {
    const std::string full = absolute(path);
    if (auto known = memory_->status(full)) return llvm::vfs::Status::copyWithNewName(*known, path);
    const std::string real = allowed(full);
    if (real.empty()) return std::make_error_code(std::errc::no_such_file_or_directory);
    auto found = llvm::vfs::getRealFileSystem()->status(real);
    if (!found) return found;
    return llvm::vfs::Status::copyWithNewName(*found, path);
}

llvm::ErrorOr<std::unique_ptr<llvm::vfs::File>> ScriptFiles::openFileForRead(const llvm::Twine& path) {
    const std::string full = absolute(path);
    if (memory_->exists(full)) return llvm::vfs::File::getWithPath(memory_->openFileForRead(full), path);
    const std::string real = allowed(full);
    if (real.empty()) return std::make_error_code(std::errc::no_such_file_or_directory);
    read_local_files_ = true;
    return llvm::vfs::File::getWithPath(llvm::vfs::getRealFileSystem()->openFileForRead(real), path);
}

llvm::vfs::directory_iterator ScriptFiles::dir_begin(const llvm::Twine& path, std::error_code& error) {
    return memory_->dir_begin(absolute(path), error);
}

llvm::ErrorOr<std::string> ScriptFiles::getCurrentWorkingDirectory() const { return working_folder_; }

std::error_code ScriptFiles::setCurrentWorkingDirectory(const llvm::Twine& path) {
    working_folder_ = absolute(path);
    return {};
}

} // namespace stakeout

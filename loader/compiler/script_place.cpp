#include "loader/compiler/script_place.h"

#include "loader/compiler/script_files.h"

#include <llvm/ADT/SmallString.h>
#include <llvm/Support/Path.h>

namespace stakeout {
namespace {

bool is_header(llvm::StringRef name) {
    return name.starts_with({ScriptFiles::header_folder.data(), ScriptFiles::header_folder.size()});
}

// The same file may be told from the folder in which stakeout was started, or from the root.
std::string whole_path(const llvm::DIFile& file) {
    llvm::SmallString<256> path(file.getFilename());
    if (!llvm::sys::path::is_absolute(path)) {
        path = file.getDirectory();
        llvm::sys::path::append(path, file.getFilename());
    }
    llvm::sys::path::remove_dots(path, true);
    return path.str().str();
}

// What the script includes; empty: it is the script itself.
std::string other_file(const llvm::DIFile& file, const llvm::DISubprogram* function) {
    const llvm::DICompileUnit* unit = function != nullptr ? function->getUnit() : nullptr;
    if (unit == nullptr || unit->getFile() == nullptr || whole_path(*unit->getFile()) == whole_path(file))
        return {};
    return file.getFilename().str();
}

} // namespace

ScriptPlace script_place(const llvm::DILocation* location) {
    bool in_header = false;
    for (; location != nullptr; location = location->getInlinedAt()) {
        const llvm::DIFile* file = location->getFile();
        if (file != nullptr && !is_header(file->getFilename()) && location->getLine() != 0)
            return {static_cast<int>(location->getLine()),
                    other_file(*file, location->getScope()->getSubprogram()), in_header};
        in_header = true;
    }
    return {};
}

ScriptPlace script_place(const llvm::Instruction& instruction) {
    return script_place(instruction.getDebugLoc().get());
}

ScriptPlace script_place(const llvm::Loop& loop) {
    // Without a mark of its own, Loop::getStartLoc() would take the place of what stands before the loop.
    if (const llvm::MDNode* id = loop.getLoopID())
        for (const llvm::MDOperand& mark : llvm::drop_begin(id->operands()))
            if (const auto* location = llvm::dyn_cast_or_null<llvm::DILocation>(mark.get()))
                if (const ScriptPlace place = script_place(location)) return place;
    for (const llvm::BasicBlock* block : loop.blocks())
        for (const llvm::Instruction& instruction : *block)
            if (const ScriptPlace place = script_place(instruction)) return place;
    return {};
}

ScriptPlace script_place(const llvm::DIFile* file, unsigned line) {
    if (file == nullptr || is_header(file->getFilename())) return {};
    return {static_cast<int>(line), {}, false};
}

} // namespace stakeout

#include "watchpoints/hit/zydis_library.h"

#include "base/owned_fd.h"
#include "base/write_all.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <string>

extern "C" {
// cmake/embed.cmake
extern const char stakeout_embedded_zydis[];
extern const char stakeout_embedded_zydis_end[];
}

namespace stakeout {
namespace {

constexpr const char* soname = "libZydis.so.4.0";
constexpr int load_flags = RTLD_NOW | RTLD_LOCAL;

std::string loader_message() {
    const char* text = ::dlerror();
    return text != nullptr ? text : "the dynamic loader gives no reason";
}

// The dynamic loader wants a file; a memory file needs no writable disk and is gone with the process.
Result<void*> load_embedded() {
    const std::string tried = "load the disassembler that is part of stakeout";
    const std::string_view image(stakeout_embedded_zydis, stakeout_embedded_zydis_end);
    const OwnedFd fd(::memfd_create("libZydis", MFD_CLOEXEC));
    if (!fd) return internal_error(tried, "no memory file could be made", errno);
    if (!write_all(fd.get(), image))
        return internal_error(tried, "the memory file could not be written", errno);
    void* library = ::dlopen(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), load_flags);
    if (library == nullptr) return internal_error(tried, loader_message());
    return library;
}

Result<void*> load_from_host() {
    void* library = ::dlopen(soname, load_flags);
    if (library == nullptr) return internal_error(std::string("load ") + soname, loader_message());
    return library;
}

// POSIX promises that a pointer from dlsym can be turned into a function's; C++ has no cast that says so.
template <class Function>
bool resolve(void* library, const char* name, Function& function) {
    static_assert(sizeof(Function) == sizeof(void*));
    void* address = ::dlsym(library, name);
    if (address == nullptr) return false;
    std::memcpy(&function, &address, sizeof function);
    return true;
}

} // namespace

Result<ZydisLibrary> ZydisLibrary::load(From from) {
    Result<void*> library = from == From::Host ? load_from_host() : load_embedded();
    if (!library) return std::move(library).error();
    ZydisLibrary functions;
    const bool complete =
        resolve(*library, "ZydisGetVersion", functions.get_version) &&
        resolve(*library, "ZydisDecoderInit", functions.decoder_init) &&
        resolve(*library, "ZydisDecoderDecodeFull", functions.decode_full) &&
        resolve(*library, "ZydisFormatterInit", functions.formatter_init) &&
        resolve(*library, "ZydisFormatterSetProperty", functions.formatter_set_property) &&
        resolve(*library, "ZydisFormatterFormatInstruction", functions.format_instruction) &&
        resolve(*library, "ZydisDecoderDecodeInstruction", functions.decode_instruction) &&
        resolve(*library, "ZydisRegisterGetLargestEnclosing", functions.largest_enclosing);
    if (!complete) return internal_error("use the disassembler library Zydis", loader_message());
    // Structures and enumerations come from the headers: another minor version may number its registers anew.
    if ((functions.get_version() >> 32) != (ZYDIS_VERSION >> 32))
        return internal_error("use the disassembler library Zydis",
                              "it is not of the version stakeout was built for");
    return functions;
}

} // namespace stakeout

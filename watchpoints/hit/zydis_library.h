// The functions of Zydis, found when the program runs (docs/decisions/0002-zydis.md: why it is not simply
// linked).
#pragma once

#include "base/result.h"

#include <Zydis/Zydis.h>

namespace stakeout {

struct ZydisLibrary {
    decltype(&ZydisGetVersion) get_version = nullptr;
    decltype(&ZydisDecoderInit) decoder_init = nullptr;
    decltype(&ZydisDecoderDecodeFull) decode_full = nullptr;
    decltype(&ZydisDecoderDecodeInstruction) decode_instruction = nullptr;
    decltype(&ZydisFormatterInit) formatter_init = nullptr;
    decltype(&ZydisFormatterSetProperty) formatter_set_property = nullptr;
    decltype(&ZydisFormatterFormatInstruction) format_instruction = nullptr;
    decltype(&ZydisRegisterGetLargestEnclosing) largest_enclosing = nullptr;

    enum class From { Host, Embedded };

    // The host's own libZydis.so.4.0, or the copy inside this binary. Error (Internal): it is missing, of
    // another version, or the host forbids loading it. It stays loaded until the process ends.
    static Result<ZydisLibrary> load(From from);
};

} // namespace stakeout

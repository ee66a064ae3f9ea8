#include "watchpoints/hit/disassembler.h"

namespace stakeout {

Disassembler::Disassembler(const ZydisLibrary& library) : zydis_(library) {}

Result<Disassembler> Disassembler::make() {
    // The host's copy first: it gets the distribution's fixes.
    Result<ZydisLibrary> library = ZydisLibrary::load(ZydisLibrary::From::Host);
    if (!library) library = ZydisLibrary::load(ZydisLibrary::From::Embedded);
    if (!library) return std::move(library).error();

    Disassembler made(*library);
    const auto set = [&made](ZydisFormatterProperty property, ZyanUPointer value) {
        return ZYAN_SUCCESS(made.zydis_.formatter_set_property(&made.formatter_, property, value));
    };
    const bool ready =
        ZYAN_SUCCESS(
            made.zydis_.decoder_init(&made.decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
        ZYAN_SUCCESS(made.zydis_.formatter_init(&made.formatter_, ZYDIS_FORMATTER_STYLE_INTEL)) &&
        set(ZYDIS_FORMATTER_PROP_FORCE_SIZE, ZYAN_TRUE) &&
        set(ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE) &&
        set(ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_PADDING_DISABLED) &&
        set(ZYDIS_FORMATTER_PROP_DISP_PADDING, ZYDIS_PADDING_DISABLED) &&
        set(ZYDIS_FORMATTER_PROP_IMM_PADDING, ZYDIS_PADDING_DISABLED);
    if (!ready)
        return internal_error("set up the disassembler", "Zydis refuses a setting of its own headers");
    return made;
}

Result<const Disassembler*> Disassembler::get() {
    static const Result<Disassembler> instance = make();
    if (!instance) return instance.error();
    return &*instance;
}

std::optional<Decoded> Disassembler::decode(std::uint64_t address, std::span<const std::uint8_t> code) const {
    std::optional<Decoded> decoded(std::in_place);
    decoded->address = address;
    if (code.empty() ||
        !ZYAN_SUCCESS(zydis_.decode_full(&decoder_, code.data(), code.size(), &decoded->instruction,
                                         decoded->all_operands.data())))
        return std::nullopt;
    return decoded;
}

std::size_t Disassembler::length(std::span<const std::uint8_t> code) const {
    ZydisDecodedInstruction instruction;
    if (code.empty() ||
        !ZYAN_SUCCESS(zydis_.decode_instruction(&decoder_, nullptr, code.data(), code.size(), &instruction)))
        return 0;
    return instruction.length;
}

std::string Disassembler::text(const Decoded& decoded) const {
    std::array<char, 256> buffer{};
    if (!ZYAN_SUCCESS(zydis_.format_instruction(&formatter_, &decoded.instruction,
                                                decoded.all_operands.data(),
                                                decoded.instruction.operand_count_visible, buffer.data(),
                                                buffer.size(), decoded.address, nullptr)))
        return {};
    return buffer.data();
}

ZydisRegister Disassembler::whole_register(ZydisRegister part) const {
    const ZydisRegister whole = zydis_.largest_enclosing(ZYDIS_MACHINE_MODE_LONG_64, part);
    return whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15 ? whole : ZYDIS_REGISTER_NONE;
}

} // namespace stakeout

#include "scripts/diagnosis/diagnosis.h"

#include <fmt/format.h>

namespace stakeout {

std::string_view to_word(Verdict verdict) {
    switch (verdict) {
    case Verdict::Culprit:
        return "culprit";
    case Verdict::Clean:
        return "clean";
    case Verdict::NotEnough:
        break;
    }
    return "not_enough_evidence";
}

std::string describe(const Frame& frame) {
    if (frame.symbol.empty()) return fmt::format("{:#x}", frame.ip);
    return frame.file.empty() ? frame.symbol
                              : fmt::format("{} ({}:{})", frame.symbol, frame.file, frame.line);
}

Culprit culprit_at(const Frame& frame, const Hit& hit, std::string why) {
    Culprit culprit;
    culprit.function = frame.symbol;
    culprit.module = frame.module;
    culprit.file = frame.file;
    culprit.line = frame.line;
    culprit.comm = hit.comm;
    culprit.pid = hit.pid;
    culprit.tid = hit.tid;
    culprit.why = std::move(why);
    return culprit;
}

} // namespace stakeout

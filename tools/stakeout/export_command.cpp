// `stakeout export`: a recording in another tool's format.
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"

#include "base/owned_fd.h"
#include "export/export.h"
#include "recording/read_recording.h"
#include "recording/resymbolise.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

namespace stakeout {
namespace {

struct ExportOptions {
    std::string recording, format, output;
    SymbolPlaces symbols;
};

// Names of functions and values of memory: for its owner alone, as the recording is.
Result<OwnedFd> open_output(const std::string& path) {
    OwnedFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd)
        return Error{Failure::Usage, "export to " + path, "it cannot be written",
                     "name a file that you may write", errno};
    return fd;
}

int run_export(const ExportOptions& options) {
    const auto format = parse_export_format(options.format);
    if (!format) return fail(format.error());
    if (*format == ExportFormat::Pprof && options.output.empty() && ::isatty(STDOUT_FILENO) == 1)
        return fail(usage_error("print a pprof profile on a terminal", "it is a compressed file",
                                "name a file with --out"));
    OwnedFd file;
    if (!options.output.empty()) {
        auto opened = open_output(options.output);
        if (!opened) return fail(opened.error());
        file = std::move(*opened);
    }
    const auto listener = make_export(*format, file ? file.get() : STDOUT_FILENO);
    Resymboliser resymboliser(options.symbols, *listener);
    const auto read =
        options.symbols.empty()
            ? read_recording(options.recording, *listener)
            : read_recording(options.recording, resymboliser,
                             [&resymboliser](const RecordingFacts& facts) { resymboliser.on_facts(facts); });
    (void)listener->flush();
    if (!read) return fail(read.error());
    for (const Damage& damage : read->damage)
        fmt::print(stderr, "stakeout: {}\n", damage.sentence(read->hits));
    if (read->not_recorded != 0)
        fmt::print(stderr, "stakeout: {} further hits could not be recorded\n", read->not_recorded);
    return 0;
}

} // namespace

Command add_export_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("export", "Write a recording in another tool's format");
    auto options = std::make_shared<ExportOptions>();
    command->add_option("recording", options->recording, "Recording (.stk)")->required();
    command
        ->add_option("--to", options->format,
                     "perf-script, folded (flame graphs), perfetto (trace events), pprof, or jsonl")
        ->required();
    command->add_option("--out,-o", options->output, "File to write; stdout unless told otherwise");
    command->add_option("--symfs", options->symbols.root,
                        "Folder with the recording machine's files, to look frames up again");
    command->add_option("--debug-dir", options->symbols.debug_folders,
                        "Folder with debug files, by build id or by path; may be repeated");
    command->footer("Examples:\n  stakeout export hits.stk --to pprof --out hits.pb.gz\n"
                    "  stakeout export hits.stk --to perf-script | stackcollapse-perf.pl | flamegraph.pl\n"
                    "Manual: man stakeout-export");
    return {command, [options] { return run_export(*options); }};
}

} // namespace stakeout

// `stakeout compile`: a script's C -> an object that other hosts take with --script, where compiling is
// unwanted.
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"

#include "base/owned_fd.h"
#include "base/write_all.h"
#include "loader/compiler/compiler.h"
#include "loader/script_program.h"
#include "loader/script_source.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <memory>

namespace stakeout {
namespace {

struct CompileCommandOptions {
    std::string script;
    std::string output;
};

// guard.c -> guard.bpf.o, in the current folder.
std::string default_output(const std::string& script) {
    std::string name = script.substr(script.rfind('/') + 1);
    if (name.ends_with(".c")) name.resize(name.size() - 2);
    return name + ".bpf.o";
}

// All or nothing: a half-written object must not be taken for one.
Status write_object(const std::string& path, const std::vector<char>& object) {
    const std::string unfinished = path + ".unfinished";
    const auto refuse = [&](const char* what) {
        Error error = arm_error(fmt::format("write {}", path), what, "", errno);
        ::unlink(unfinished.c_str());
        return error;
    };
    const OwnedFd file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) return refuse("it cannot be created");
    if (!write_all(file.get(), {object.data(), object.size()})) return refuse("writing failed");
    if (::rename(unfinished.c_str(), path.c_str()) != 0) return refuse("it cannot be put in place");
    return done();
}

int run_compile(const CompileCommandOptions& options) {
    auto bytes = read_script_file(options.script);
    if (!bytes) return fail(bytes.error());
    if (is_object(*bytes))
        return fail(usage_error(fmt::format("compile {}", options.script), "it is an object already"));
    if (auto plain = is_text(options.script, *bytes); !plain) return fail(plain.error());
    const std::string text(bytes->begin(), bytes->end());
    auto compiled = compile_script({options.script, text}, {.portable = true});
    if (!compiled) return fail(compiled.error());
    if (!compiled->warnings.empty()) fmt::print(stderr, "stakeout: {}\n", compiled->warnings);
    if (compiled->refused()) return fail(refused_script(options.script, text, compiled->findings));
    const std::string output = options.output.empty() ? default_output(options.script) : options.output;
    if (auto opened = ScriptProgram::open(compiled->object, options.script); !opened)
        return fail(opened.error());
    if (auto written = write_object(output, compiled->object); !written) return fail(written.error());
    fmt::print("{}: {} bytes\n", output, compiled->object.size());
    return 0;
}

} // namespace

Command add_compile_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("compile", "Compile a monitor script into an object for other hosts");
    auto options = std::make_shared<CompileCommandOptions>();
    command->add_option("script", options->script, "C source")->required();
    command->add_option("--output,-o", options->output,
                        "Object to write; SCRIPT.bpf.o unless told otherwise");
    command->footer("Examples:\n  stakeout compile guard.c -o guard.bpf.o\n"
                    "  stakeout watch --symbol my_state --script guard.bpf.o\nManual: man stakeout-compile");
    return {command, [options] { return run_compile(*options); }};
}

} // namespace stakeout

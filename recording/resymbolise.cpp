#include "recording/resymbolise.h"

#include "watchpoints/target/demangle.h"
#include "watchpoints/target/elf_image.h"

#include <map>
#include <tuple>

namespace stakeout {
namespace {

constexpr std::size_t most_frames = 65'536; // that are remembered

using Images = std::vector<std::unique_ptr<ElfImage>>;

std::string path_of_id(const std::string& folder, const BuildId& id) {
    const std::string hex = id.hex();
    return folder + "/.build-id/" + hex.substr(0, 2) + "/" + hex.substr(2) + ".debug";
}

} // namespace

struct Resymboliser::State {
    State(SymbolPlaces the_places, WatchListener& the_listener)
        : places(std::move(the_places)), listener(the_listener) {
        if (!places.root.empty()) places.debug_folders.push_back(places.root + "/usr/lib/debug");
    }

    SymbolPlaces places;
    WatchListener& listener;
    std::map<std::string, Images> images; // by build id
    BuildId kernel_id;
    std::string kernel_release;
    std::optional<std::uint64_t> kernel_bias; // from the kernel's own file to where it ran
    // By place and what was recorded there.
    std::map<std::tuple<std::uint64_t, std::string, std::uint64_t, bool>, Frame> known;

    // All files with that build id: the program itself may have symbols, and its debug file lines.
    const Images& files_of(const BuildId& id, const std::vector<std::string>& names) {
        const auto [found, is_new] = images.try_emplace(id.hex());
        if (!is_new) return found->second;
        std::vector<std::string> paths;
        for (const std::string& folder : places.debug_folders) {
            paths.push_back(path_of_id(folder, id));
            for (const std::string& name : names) {
                paths.push_back(folder + name);
                paths.push_back(folder + name + ".debug");
            }
        }
        if (!places.root.empty())
            for (const std::string& name : names) paths.push_back(places.root + name);
        for (const std::string& path : paths)
            if (auto image = ElfImage::open(path); image && (*image)->build_id() == id)
                found->second.push_back(std::move(*image));
        return found->second;
    }

    // `at` is the frame's address as its file numbers it.
    static void describe(Frame& frame, const Images& files, std::uint64_t at, bool is_return_address) {
        const std::uint64_t back = is_return_address && at != 0 ? 1 : 0;
        for (const auto& file : files) {
            const auto symbol = file->containing(at - back);
            if (!symbol) continue;
            frame.symbol = demangle(symbol->name);
            frame.offset = at - symbol->address;
            break;
        }
        for (const auto& file : files) {
            const auto line = file->line_of(at - back);
            if (!line) continue;
            frame.file = line->file;
            frame.line = line->line;
            break;
        }
        frame.told_as = 0;
    }

    void look_up(Frame& frame, bool user, bool is_return_address) {
        if (user) {
            if (!frame.build_id.empty() && frame.image_address != 0)
                describe(frame, files_of(frame.build_id, {frame.module}), frame.image_address,
                         is_return_address);
        } else if (frame.module.empty() && kernel_bias) {
            describe(frame, kernel_files(), frame.ip - *kernel_bias, is_return_address);
        }
    }

    const Images& kernel_files() {
        return files_of(kernel_id, {"/vmlinux", "/boot/vmlinux-" + kernel_release,
                                    "/lib/modules/" + kernel_release + "/build/vmlinux"});
    }

    void renew(std::vector<Frame>& stack, bool user) {
        for (std::size_t i = 0; i < stack.size(); ++i) {
            Frame& frame = stack[i];
            const bool is_return_address = i > 0;
            const auto key = std::tuple(frame.ip, user ? frame.build_id.hex() : std::string(),
                                        frame.image_address, is_return_address);
            if (const auto before = known.find(key);
                before != known.end() && before->second.module == frame.module) {
                frame = before->second;
                continue;
            }
            look_up(frame, user, is_return_address);
            if (known.size() >= most_frames) known.clear();
            known.insert_or_assign(key, frame);
        }
    }
};

Resymboliser::Resymboliser(SymbolPlaces places, WatchListener& listener)
    : state_(std::make_unique<State>(std::move(places), listener)) {}
Resymboliser::~Resymboliser() = default;

void Resymboliser::on_facts(const RecordingFacts& facts) {
    State& s = *state_;
    s.known.clear();
    s.kernel_bias.reset();
    s.kernel_id = BuildId::from_hex(facts.host.kernel_build_id);
    s.kernel_release = facts.host.kernel_release;
    if (s.kernel_id.empty() || facts.host.kernel_text == 0) return;
    for (const auto& file : s.kernel_files())
        for (const ElfSymbol& text : file->find("_text"))
            s.kernel_bias = facts.host.kernel_text - text.address;
}

void Resymboliser::on_hit(const Hit& hit) {
    Hit renewed = hit;
    state_->renew(renewed.kernel_stack, false);
    state_->renew(renewed.user_stack, true);
    state_->listener.on_hit(renewed);
}

void Resymboliser::on_armed(const Armed& armed) { state_->listener.on_armed(armed); }
void Resymboliser::on_look(const Look& look) { state_->listener.on_look(look); }
void Resymboliser::on_notice(const Notice& notice) { state_->listener.on_notice(notice); }
void Resymboliser::on_brake(const BrakeInterval& interval) { state_->listener.on_brake(interval); }
void Resymboliser::on_coverage(const CoverageChange& change) { state_->listener.on_coverage(change); }
void Resymboliser::on_summary(const Summary& summary) { state_->listener.on_summary(summary); }
bool Resymboliser::flush() { return state_->listener.flush(); }
bool Resymboliser::has_room() const { return state_->listener.has_room(); }
bool Resymboliser::is_behind() const { return state_->listener.is_behind(); }
std::uint64_t Resymboliser::written() const { return state_->listener.written(); }

} // namespace stakeout

// Hits added up by stack, task name, access and target, as a profile for `pprof`.
#include "base/printable.h"
#include "export/formats.h"
#include "export/gzip.h"
#include "export/profile.pb.h"
#include "export/stream_export.h"
#include "watchpoints/arm/words.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

namespace stakeout {
namespace {

constexpr std::uint64_t page = 4096;

class PprofExport final : public StreamExport {
  public:
    explicit PprofExport(int fd) : StreamExport(fd) {
        (void)text("");
        auto& hits = *profile_.add_sample_type();
        hits.set_type(text("hits"));
        hits.set_unit(text("count"));
        *profile_.mutable_period_type() = hits;
        profile_.set_period(1);
    }

    void on_armed(const Armed& armed) override {
        profile_.set_time_nanos(static_cast<std::int64_t>(armed.at_ns) + armed.wall_ahead_ns);
    }

    void on_hit(const Hit& hit) override {
        Key key;
        for (const Frame& frame : hit.kernel_stack) key.locations.push_back(location(frame, false));
        for (const Frame& frame : hit.user_stack) key.locations.push_back(location(frame, true));
        if (key.locations.empty()) {
            Frame only;
            only.ip = hit.ip;
            key.locations.push_back(location(only, hit.user_mode));
        }
        key.comm = text(printable(hit.comm));
        key.access = text(to_word(hit.access));
        key.target = text(printable(hit.target));
        ++samples_[std::move(key)];
    }

    void on_summary(const Summary& summary) override {
        profile_.set_duration_nanos(static_cast<std::int64_t>(summary.duration_ns));
        const std::int64_t comm = text("comm"), access = text("access"), target = text("target");
        for (const auto& [key, count] : samples_) {
            auto& sample = *profile_.add_sample();
            sample.mutable_location()->Add(key.locations.begin(), key.locations.end());
            sample.add_value(count);
            for (const auto& [name, value] :
                 {std::pair(comm, key.comm), std::pair(access, key.access), std::pair(target, key.target)}) {
                auto& label = *sample.add_label();
                label.set_key(name);
                label.set_str(value);
            }
        }
        samples_.clear();
        out().append(gzip(profile_.SerializeAsString()));
    }

  private:
    struct Key {
        std::vector<std::uint64_t> locations;
        std::int64_t comm = 0, access = 0, target = 0;
        auto operator<=>(const Key&) const = default;
    };

    std::int64_t text(std::string_view text) {
        const auto [found, is_new] = texts_.try_emplace(std::string(text), profile_.text_size());
        if (is_new) profile_.add_text(found->first);
        return found->second;
    }

    // A file that is mapped, by where and which; or the kernel, or a module of it.
    std::uint64_t mapping(const Frame& frame, bool user) {
        const std::uint64_t bias = frame.image_address != 0 ? frame.ip - frame.image_address : 0;
        const std::string name = user                   ? printable(frame.module)
                                 : frame.module.empty() ? "[kernel.kallsyms]"
                                                        : "[" + printable(frame.module) + "]";
        const auto [found, is_new] = mappings_.try_emplace({name, bias, frame.build_id.hex()}, nullptr);
        const std::uint64_t start = frame.ip / page * page;
        if (is_new) {
            found->second = profile_.add_mapping();
            found->second->set_id(static_cast<std::uint64_t>(profile_.mapping_size()));
            found->second->set_filename(text(name));
            found->second->set_build_id(text(frame.build_id.hex()));
            found->second->set_memory_start(start);
            found->second->set_has_functions(true);
            found->second->set_has_filenames(true);
            found->second->set_has_line_numbers(true);
        }
        // As far as it was seen; its true bounds are not known.
        auto& told = *found->second;
        told.set_memory_start(std::min(told.memory_start(), start));
        told.set_memory_limit(std::max(told.memory_limit(), start + page));
        told.set_file_offset(frame.image_address != 0 ? told.memory_start() - bias : 0);
        return told.id();
    }

    std::uint64_t function(const Frame& frame) {
        const auto key = std::pair(text(printable(frame.symbol)), text(printable(frame.file)));
        const auto [found, is_new] = functions_.try_emplace(key, functions_.size() + 1);
        if (is_new) {
            auto& told = *profile_.add_function();
            told.set_id(found->second);
            told.set_name(key.first);
            told.set_system_name(key.first);
            told.set_filename(key.second);
        }
        return found->second;
    }

    std::uint64_t location(const Frame& frame, bool user) {
        const auto key = std::tuple(frame.ip, user, frame.symbol, frame.module, frame.line);
        if (const auto known = locations_.find(key); known != locations_.end()) return known->second;
        const std::uint64_t id = locations_.size() + 1;
        locations_.emplace(key, id);
        auto& told = *profile_.add_location();
        told.set_id(id);
        told.set_address(frame.ip);
        if (!user || !frame.module.empty()) told.set_mapping_id(mapping(frame, user));
        if (frame.symbol.empty()) return id;
        auto& line = *told.add_line();
        line.set_function_id(function(frame));
        line.set_line(frame.line);
        return id;
    }

    pprof::Profile profile_;
    std::unordered_map<std::string, std::int64_t> texts_;
    std::map<std::tuple<std::string, std::uint64_t, std::string>, pprof::Mapping*> mappings_;
    std::map<std::pair<std::int64_t, std::int64_t>, std::uint64_t> functions_;
    std::map<std::tuple<std::uint64_t, bool, std::string, std::string, int>, std::uint64_t> locations_;
    std::map<Key, std::int64_t> samples_;
};

} // namespace

std::unique_ptr<WatchListener> make_pprof_export(int fd) { return std::make_unique<PprofExport>(fd); }

} // namespace stakeout

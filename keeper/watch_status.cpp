#include "keeper/watch_status.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const LastAccess& last) {
    Json json{{"seq", last.seq},       {"time_ns", last.time_ns}, {"pid", last.pid},
              {"tid", last.tid},       {"cpu", last.cpu},         {"comm", last.comm},
              {"access", last.access}, {"target", last.target},   {"function", last.function}};
    json["old"] = last.old_value.empty() ? Json(nullptr) : Json(last.old_value);
    json["new"] = last.new_value.empty() ? Json(nullptr) : Json(last.new_value);
    return json;
}

std::string text_or_empty(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

LastAccess last_from(const Json& json) {
    LastAccess last;
    last.seq = json.at("seq");
    last.time_ns = json.at("time_ns");
    last.pid = json.at("pid");
    last.tid = json.at("tid");
    last.cpu = json.at("cpu");
    last.comm = json.at("comm");
    last.access = json.at("access");
    last.target = json.at("target");
    last.function = json.at("function");
    last.old_value = text_or_empty(json, "old");
    last.new_value = text_or_empty(json, "new");
    return last;
}

void read_counts(const Json& json, WatchStatus& status) {
    status.hits = json.at("hits");
    status.records = json.at("records");
    status.lost = json.at("lost");
    status.unseen = json.at("unseen");
    status.dropped = json.at("dropped");
    status.shown = json.at("shown");
    status.rate = json.at("rate");
    const Json& brake = json.at("brake");
    status.brake = brake.at("on");
    status.braked = brake.at("intervals");
    status.braked_ns = brake.at("ns");
    status.cpus_braked = brake.at("cpus").get<std::vector<std::uint32_t>>();
}

WatchStatus read_status(const Json& json) {
    WatchStatus status;
    status.id = json.at("watch");
    status.name = json.at("name");
    status.pid = json.at("pid");
    status.detached = json.at("detached");
    status.access = json.at("access");
    status.script = text_or_empty(json, "script");
    status.recording = text_or_empty(json, "recording");
    status.keeps_hits = json.at("keeps_hits");
    for (const Json& target : json.at("targets"))
        status.targets.push_back({target.at("name"), target.at("type"),
                                  std::stoull(target.at("address").get<std::string>(), nullptr, 16),
                                  target.at("size")});
    status.slots = json.at("slots");
    status.cpus_armed = json.at("cpus_armed").get<std::vector<std::uint32_t>>();
    status.cpus_online = json.at("cpus_online");
    status.wall_ahead_ns = json.at("wall_ahead_ns");
    status.armed_at_ns = json.at("armed_at_ns");
    status.deadline_ns = json.at("deadline_ns");
    status.now_ns = json.at("now_ns");
    read_counts(json, status);
    if (json.contains("last") && !json.at("last").is_null()) status.last = last_from(json.at("last"));
    for (const Json& hot : json.at("hottest")) status.hottest.push_back({hot.at("frames"), hot.at("hits")});
    status.notices = json.at("notices").get<std::vector<std::string>>();
    return status;
}

} // namespace

nlohmann::ordered_json to_json(const WatchStatus& status) {
    Json json{{"v", 1},
              {"watch", status.id},
              {"name", status.name},
              {"pid", status.pid},
              {"detached", status.detached},
              {"access", status.access}};
    if (!status.script.empty()) json["script"] = status.script;
    json["recording"] = status.recording.empty() ? Json(nullptr) : Json(status.recording);
    json["keeps_hits"] = status.keeps_hits;
    json["targets"] = Json::array();
    for (const StatusTarget& target : status.targets)
        json["targets"].push_back({{"name", target.name},
                                   {"type", target.type},
                                   {"address", fmt::format("{:#x}", target.address)},
                                   {"size", target.size}});
    json["slots"] = status.slots;
    json["cpus_armed"] = status.cpus_armed;
    json["cpus_online"] = status.cpus_online;
    json["wall_ahead_ns"] = status.wall_ahead_ns;
    json["armed_at_ns"] = status.armed_at_ns;
    json["deadline_ns"] = status.deadline_ns;
    json["now_ns"] = status.now_ns;
    json["hits"] = status.hits;
    json["records"] = status.records;
    json["lost"] = status.lost;
    json["unseen"] = status.unseen;
    json["dropped"] = status.dropped;
    json["shown"] = status.shown;
    json["rate"] = status.rate;
    json["brake"] = {{"on", status.brake},
                     {"intervals", status.braked},
                     {"ns", status.braked_ns},
                     {"cpus", status.cpus_braked}};
    json["last"] = status.last ? to_json(*status.last) : Json(nullptr);
    json["hottest"] = Json::array();
    for (const HotStack& hot : status.hottest)
        json["hottest"].push_back({{"frames", hot.frames}, {"hits", hot.hits}});
    json["notices"] = status.notices;
    return json;
}

Result<WatchStatus> status_from_json(const nlohmann::ordered_json& json) {
    try {
        return read_status(json);
    } catch (
        const std::exception& error) { // the library's way to say that a field is missing or of another kind
        return internal_error("read a watch's status",
                              fmt::format("{}; is it of another version of stakeout?", error.what()));
    }
}

} // namespace stakeout

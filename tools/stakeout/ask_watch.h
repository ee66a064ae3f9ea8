// A command's question to one running watch, by its name or id.
#pragma once

#include "keeper/control_client.h"

#include <nlohmann/json.hpp>

#include <string>

namespace stakeout {

struct AskedWatch {
    ControlClient client;
    nlohmann::ordered_json answer;
};

// Error: no such watch, or what it says against it.
inline Result<AskedWatch> ask_watch(const std::string& name_or_id, const nlohmann::ordered_json& request) {
    auto folder = RunFolder::open();
    if (!folder) return std::move(folder).error();
    auto name = find_watch(*folder, name_or_id);
    if (!name) return std::move(name).error();
    auto client = ControlClient::connect(*folder, *name);
    if (!client) return std::move(client).error();
    auto answer = client->ask(request);
    if (!answer) return std::move(answer).error();
    return AskedWatch{std::move(*client), std::move(*answer)};
}

} // namespace stakeout

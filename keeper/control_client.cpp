#include "keeper/control_client.h"

#include "base/monotonic_clock.h"
#include "base/write_all.h"
#include "keeper/wire_error.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

constexpr milliseconds list_patience(2000);

Error silent(const std::string& name, int pid, std::string cause) {
    return lost_target("ask watch " + name, std::move(cause),
                       fmt::format("its process is {}; `kill -9 {}` frees its slots if it must", pid, pid));
}

int peer_of(int socket) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

} // namespace

Result<ControlClient> ControlClient::connect(const RunFolder& folder, const std::string& name) {
    const std::string path = folder.socket_path(name);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return usage_error("ask watch " + name, "its name is too long");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return internal_error("ask watch " + name, "no socket", errno);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        if (errno == EAGAIN)
            return lost_target("ask watch " + name, "it does not answer, and too many wait already");
        if (errno == ECONNREFUSED) folder.forget_if_dead(name);
        return lost_target("ask watch " + name, "it does not run any more",
                           "`stakeout list` shows those that do");
    }
    const int pid = peer_of(socket.get());
    return ControlClient(std::move(socket), name, pid);
}

Result<Json> ControlClient::ask(const Json& request, milliseconds patience) {
    if (!tell(request))
        return lost_target("ask watch " + name_, "it ended meanwhile",
                           "`stakeout list` shows those that run");
    return answer(patience);
}

bool ControlClient::tell(const Json& request) const {
    return write_all(socket_.get(), request.dump() + "\n");
}

Result<Json> ControlClient::answer(milliseconds patience) {
    const std::uint64_t until = monotonic_ns() + static_cast<std::uint64_t>(patience.count()) * 1'000'000;
    for (;;) {
        if (const auto end = ahead_.find('\n'); end != std::string::npos) {
            const Json answer = Json::parse(ahead_.substr(0, end), nullptr, false);
            ahead_.erase(0, end + 1);
            if (!answer.is_object()) return internal_error("ask watch " + name_, "its answer is no JSON");
            if (!answer.value("ok", false)) return error_from_json(answer.value("error", Json()));
            return answer;
        }
        const std::uint64_t now = monotonic_ns();
        const int left_ms = until > now ? static_cast<int>((until - now) / 1'000'000) + 1 : 0;
        pollfd one{socket_.get(), POLLIN, 0};
        if (::poll(&one, 1, left_ms) <= 0) { // what has come meanwhile is looked at, patience or not
            if (left_ms == 0) return silent(name_, pid_, "it does not answer");
            continue;
        }
        std::array<char, 16384> bytes;
        const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got <= 0)
            return lost_target("ask watch " + name_, "it ended before it had answered",
                               "`stakeout list` shows those that run");
        ahead_.append(bytes.data(), static_cast<std::size_t>(got));
    }
}

Result<bool> ControlClient::stream(const std::function<bool(std::span<const std::byte>)>& take) {
    std::vector<char> bytes(std::size_t{256} << 10);
    const std::string first = std::exchange(ahead_, {});
    if (!take(std::as_bytes(std::span(first)))) return false;
    for (;;) {
        pollfd one{socket_.get(), POLLIN, 0};
        const int ready = ::poll(&one, 1, 250);
        if (ready < 0 && errno != EINTR)
            return internal_error("listen to watch " + name_, "poll failed", errno);
        if (ready <= 0) {
            if (!take({})) return false;
            continue;
        }
        const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got <= 0) return true;
        if (!take(std::as_bytes(std::span(bytes.data(), static_cast<std::size_t>(got))))) return false;
    }
}

std::vector<FoundWatch> running_watches(const RunFolder& folder) {
    struct Asked {
        std::string name;
        ControlClient client;
    };
    std::vector<Asked> asked;
    std::vector<FoundWatch> found;
    for (const std::string& name : folder.names()) {
        auto client = ControlClient::connect(folder, name);
        if (client) asked.push_back({name, std::move(*client)});
    }
    // All requests are on their way before the first answer is waited for.
    const Json request{{"v", 1}, {"op", "status"}};
    std::vector<bool> sent;
    sent.reserve(asked.size());
    for (const Asked& one : asked) sent.push_back(one.client.tell(request));
    const std::uint64_t until =
        monotonic_ns() + static_cast<std::uint64_t>(list_patience.count()) * 1'000'000;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (!sent[i]) continue;
        const std::uint64_t now = monotonic_ns();
        const milliseconds left(until > now ? (until - now) / 1'000'000 : 0);
        auto answer = asked[i].client.answer(left);
        if (!answer) {
            // One that has ended is no news; one that does not answer holds slots.
            if (folder.is_held(asked[i].name))
                found.emplace_back(SilentWatch{asked[i].name, asked[i].client.pid(), answer.error().cause});
            continue;
        }
        auto status = status_from_json(answer->value("status", Json()));
        if (status)
            found.emplace_back(std::move(*status));
        else
            found.emplace_back(SilentWatch{asked[i].name, asked[i].client.pid(), status.error().cause});
    }
    return found;
}

Result<std::string> find_watch(const RunFolder& folder, const std::string& name_or_id) {
    const std::vector<std::string> names = folder.names();
    if (std::find(names.begin(), names.end(), name_or_id) != names.end()) return name_or_id;
    std::string running;
    for (const FoundWatch& found : running_watches(folder)) {
        if (const auto* status = std::get_if<WatchStatus>(&found)) {
            if (status->id == name_or_id) return status->name;
            running += (running.empty() ? "" : ", ") + status->name;
        } else {
            running += (running.empty() ? "" : ", ") + std::get<SilentWatch>(found).name;
        }
    }
    return usage_error("find watch " + name_or_id, "no running watch has that name or id",
                       running.empty() ? "none runs just now" : "these run: " + running);
}

} // namespace stakeout

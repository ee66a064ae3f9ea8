#include "keeper/control_server.h"

#include "base/monotonic_clock.h"
#include "keeper/wire_error.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_connections = 64;
constexpr std::size_t longest_request = std::size_t{64} << 10;

// The folder lets nobody else in; this is for the day when somebody changes its mode.
bool is_from_us(int socket) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == ::geteuid());
}

} // namespace

void ControlConnection::send(const Json& line) {
    // Task names may hold any bytes: what is no UTF-8 becomes U+FFFD.
    pending_ += line.dump(-1, ' ', false, Json::error_handler_t::replace);
    pending_ += '\n';
}

void ControlConnection::refuse(const Error& error) {
    send(Json{{"ok", false}, {"error", error_to_json(error)}});
    close_when_sent();
}

Result<std::unique_ptr<ControlServer>> ControlServer::listen(const std::string& path) {
    const std::string tried = "open the control socket " + path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return arm_error(tried, "its path is too long");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return arm_error(tried, "no socket", "", errno);
    const mode_t before = ::umask(0177);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
    const int bound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    const int why = errno;
    ::umask(before);
    if (bound != 0) return arm_error(tried, "it cannot be bound", "", why);
    if (::listen(socket.get(), 16) != 0) return arm_error(tried, "it cannot listen", "", errno);
    return std::unique_ptr<ControlServer>(
        new ControlServer(std::move(socket), path)); // NOLINT(cppcoreguidelines-owning-memory)
}

ControlServer::~ControlServer() { ::unlink(path_.c_str()); }

void ControlServer::add_to(std::vector<pollfd>& fds) const {
    fds.push_back({socket_.get(), POLLIN, 0});
    for (const auto& connection : connections_) {
        const int events = (connection->asked_ ? 0 : POLLIN) | (connection->waiting() != 0 ? POLLOUT : 0);
        fds.push_back({connection->socket_.get(), static_cast<short>(events), 0});
    }
}

void ControlServer::turn(const Handler& handler) {
    accept_all();
    for (const auto& connection : connections_) {
        read_from(*connection);
        take_request(connection, handler);
        write_to(*connection);
    }
    std::erase_if(connections_, [](const auto& connection) { return !connection->is_open(); });
}

void ControlServer::accept_all() {
    while (connections_.size() < most_connections) {
        OwnedFd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!client) return;
        if (is_from_us(client.get()))
            connections_.push_back(std::make_shared<ControlConnection>(std::move(client)));
    }
}

// A client that has asked says no more; what it sends is only looked at to see it go.
void ControlServer::read_from(ControlConnection& connection) {
    std::array<char, 4096> bytes;
    for (;;) {
        const ssize_t got = ::recv(connection.socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        // A client that has closed its sending half may still listen to its answer.
        if (got == 0 && connection.asked_ && connection.waiting() != 0) return;
        if (got <= 0 || connection.received_.size() > longest_request) {
            connection.socket_.reset();
            return;
        }
        if (!connection.asked_) connection.received_.append(bytes.data(), static_cast<std::size_t>(got));
    }
}

void ControlServer::take_request(const std::shared_ptr<ControlConnection>& connection,
                                 const Handler& handler) {
    if (!connection->is_open() || connection->asked_) return;
    const auto end = connection->received_.find('\n');
    if (end == std::string::npos) return;
    connection->asked_ = true;
    const Json request = Json::parse(connection->received_.substr(0, end), nullptr, false);
    if (!request.is_object() || !request.contains("op") || !request["op"].is_string()) {
        connection->refuse(usage_error("read the request", "it is no JSON object with an \"op\""));
        return;
    }
    handler(request, connection);
}

void ControlServer::write_to(ControlConnection& connection) {
    while (connection.is_open() && connection.waiting() != 0) {
        const ssize_t sent = ::send(connection.socket_.get(), connection.pending_.data() + connection.sent_,
                                    connection.waiting(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) break;
        if (sent <= 0) {
            connection.socket_.reset();
            return;
        }
        connection.sent_ += static_cast<std::size_t>(sent);
    }
    if (connection.waiting() == 0) {
        connection.pending_.clear();
        connection.sent_ = 0;
        if (connection.closing_) connection.socket_.reset();
    } else if (connection.sent_ > longest_request) {
        connection.pending_.erase(0, connection.sent_);
        connection.sent_ = 0;
    }
}

void ControlServer::finish(int milliseconds) {
    const std::uint64_t until = monotonic_ns() + static_cast<std::uint64_t>(milliseconds) * 1'000'000;
    for (;;) {
        for (const auto& connection : connections_) write_to(*connection);
        std::erase_if(connections_, [](const auto& c) { return !c->is_open() || c->waiting() == 0; });
        if (connections_.empty() || monotonic_ns() >= until) return;
        std::vector<pollfd> fds;
        fds.reserve(connections_.size());
        for (const auto& connection : connections_) fds.push_back({connection->socket_.get(), POLLOUT, 0});
        ::poll(fds.data(), fds.size(), 10);
    }
}

} // namespace stakeout

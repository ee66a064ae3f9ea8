// The control socket of a running watch: a Unix stream socket. A client sends one JSON object on a line and
// gets one back; after some requests a stream of bytes follows until the end. Nothing here ever waits: a
// client that does not read is given what fits, and is cut off when it keeps us from going on.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"

#include <nlohmann/json_fwd.hpp>
#include <poll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

class ControlConnection {
  public:
    explicit ControlConnection(OwnedFd socket) : socket_(std::move(socket)) {}

    void send_bytes(std::string_view bytes) { pending_.append(bytes); }
    void send(const nlohmann::ordered_json& line);
    void refuse(const Error& error);
    void close_when_sent() { closing_ = true; }

    [[nodiscard]] std::size_t waiting() const { return pending_.size() - sent_; } // bytes not taken yet
    [[nodiscard]] bool is_open() const { return static_cast<bool>(socket_); }

  private:
    friend class ControlServer;
    OwnedFd socket_;
    std::string received_;
    std::string pending_;
    std::size_t sent_ = 0; // of pending_
    bool closing_ = false;
    bool asked_ = false; // its request has come
};

class ControlServer {
  public:
    // Called with a request and whom to answer; the connection may be kept to send more.
    using Handler =
        std::function<void(const nlohmann::ordered_json&, const std::shared_ptr<ControlConnection>&)>;

    // Error (CannotArm): no socket there.
    static Result<std::unique_ptr<ControlServer>> listen(const std::string& path);
    ~ControlServer();
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    void add_to(std::vector<pollfd>& fds) const;
    void turn(const Handler& handler);
    // Sends what is still waiting, for as long as the clients take it, at most `milliseconds`.
    void finish(int milliseconds);

  private:
    ControlServer(OwnedFd socket, std::string path) : socket_(std::move(socket)), path_(std::move(path)) {}
    void accept_all();
    static void read_from(ControlConnection& connection);
    static void write_to(ControlConnection& connection);
    static void take_request(const std::shared_ptr<ControlConnection>& connection, const Handler& handler);

    OwnedFd socket_;
    std::string path_;
    std::vector<std::shared_ptr<ControlConnection>> connections_;
};

} // namespace stakeout

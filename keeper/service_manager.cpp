#include "keeper/service_manager.h"

#include "base/owned_fd.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace stakeout {

void tell_service_manager(const std::string& state) {
    const char* where = std::getenv("NOTIFY_SOCKET");
    if (where == nullptr) return;
    const std::string_view path(where);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() < 2 || path.size() >= sizeof(address.sun_path)) return;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path.front() == '@') address.sun_path[0] = '\0'; // an abstract socket
    const OwnedFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    (void)::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                   // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
                   reinterpret_cast<const sockaddr*>(&address), length);
}

} // namespace stakeout

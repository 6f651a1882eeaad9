// Who is at the other end of a unix socket.
#pragma once

namespace caisson::http {

/// May the peer of this accepted connection act for every account: is it root, the user that this process runs as, or a
/// member of the socket file's group while that group may write to it? By the credentials that the kernel took when the
/// peer connected (SO_PEERCRED, SO_PEERGROUPS), so a socket that anyone may open makes no operators.
bool is_operator(int connection);

}  // namespace caisson::http

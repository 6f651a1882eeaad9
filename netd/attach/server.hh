// attach.sock: runnerd's requests (netd/client/attach_protocol.hh).
#pragma once

#include "netd/core/daemon.hh"
#include "netd/seqpacket/server.hh"

namespace caisson::netd::attach {

/// `daemon` must outlive the server.
seqpacket::Protocol protocol(core::Daemon& daemon);

}  // namespace caisson::netd::attach

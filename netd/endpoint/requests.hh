// endpoint.sock: what endpointd asks (netd/client/endpoint_protocol.hh).
#pragma once

#include "netd/core/daemon.hh"
#include "netd/seqpacket/server.hh"

namespace caisson::netd::endpoint {

/// `daemon` must outlive the server.
seqpacket::Protocol protocol(core::Daemon& daemon);

}  // namespace caisson::netd::endpoint

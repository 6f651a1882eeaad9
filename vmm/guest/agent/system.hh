// The guest as a machine: what PID 1 sets up before a runtime can start, and what it does around a snapshot.
//
// Errors here mean that the image or the microVM is broken; Status says which step, and PID 1 then prints it
// on the console and halts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::guest {

/// Lambda's user of functions has uid 993; the group is the image's.
inline constexpr unsigned kFunctionUid = 993;
inline constexpr unsigned kFunctionGid = 990;

Status write_file(const std::string& path, std::string_view text);
std::string read_file(const std::string& path);

/// proc, sys, dev and the modules of the initrd, then the virtio port "agent", opened non-blocking.
Result<Fd> start_devices();

/// Makes the drive "root" the root directory, where there is one, with the kernel's file systems, devpts and
/// the cgroup of the runtime on it.
Status enter_root();

/// The drive "code" on /var/task, drives "layer1".. on /opt (a later one hides an earlier one's files), a
/// tmpfs of `tmp_mib` on /tmp.
Status mount_function(std::int64_t tmp_mib);

/// Adds `certificate` (PEM; empty: nothing to do) to the image's trusted authorities, for every program that reads them
/// from /etc/ssl/certs/ca-certificates.crt: OpenSSL and so Python and Node, curl, Go.
Status trust_authority(const std::string& certificate);

/// lo, and eth0 with the one address that every guest has, a permanent neighbour entry for the gateway, no
/// IPv6. A guest without eth0 is left as it is.
Status configure_network();

/// Destroys every TCP socket but those between loopback addresses (SOCK_DESTROY, inet_diag); returns how
/// many.
Result<std::int64_t> destroy_tcp_sockets();

Status set_clock(std::int64_t realtime_ns);
/// Mixes `entropy` into the kernel's generator and reseeds it at once, so that clones differ.
Status add_entropy(const std::string& entropy);

}  // namespace caisson::guest

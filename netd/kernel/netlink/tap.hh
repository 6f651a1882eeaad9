// Taps, by ioctl: rtnetlink makes none.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::netd::kernel {

/// Opens the tap's queue (IFF_VNET_HDR, non-blocking), making the tap persistent if there is none: with the interface
/// index `index`, unless that is 0. On a thread of in_netns(). Error EBUSY: a process holds the queue.
Result<Fd> open_tap(const std::string& name, std::uint32_t index = 0);

/// Reads away what is queued for the next owner.
void drain_tap(const Fd& tap);

}  // namespace caisson::netd::kernel

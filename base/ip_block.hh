// Addresses and blocks of either family as texts, for what compares them as such.
#pragma once

#include <string_view>

namespace caisson {

/// "10.0.0.0/8", "fd00::/8", or an address, which is a block of one. Host bits may be set.
bool is_ip_block(std::string_view text);

/// Is the address in the block? False when either is none, and when they are of different families.
bool ip_block_contains(std::string_view block, std::string_view address);

}  // namespace caisson

// The model of the datapath's benchmarks: a function and a member in a VPC, under as many rules and beside as many
// VPCs as wanted.
#pragma once

#include "tests/support/model.hh"

namespace caisson::bench {

inline constexpr int kPort = 5000;

struct World {
  vpc::State state;
  vpc::NetworkInterface function;
  vpc::NetworkInterface member;
};

/// The group of each has `rules` rules: 1 admits UDP between the two at kPort, the others name up to 1,000 blocks of
/// addresses, ten ports each. Every further VPC has a function, a member and two rules.
World make_world(int rules, int vpcs);

}  // namespace caisson::bench

// What the resolver knows itself: the private names of a VPC's network interfaces and their reverse, and services.
// Everything else is forwarded. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ipv4.hh"
#include "endpoints/dns/message.hh"

namespace caisson::endpoints::dns {

/// A name, or "*." and what comes after any other labels.
struct ServiceName {
  std::string host;
  Ipv4Address address;  ///< of the service's prefix list
};

struct Zone {
  std::string region = "us-east-1";
  std::vector<ServiceName> services;
};

/// "ec2.internal" in us-east-1, "REGION.compute.internal" elsewhere (VPC User Guide, "DNS hostnames").
std::string private_zone(const std::string& region);
/// "ip-10-0-0-5.ec2.internal"
std::string private_name(Ipv4Address address, const std::string& region);

struct Forward {};
/// Of a network interface of the VPC, if there is one.
struct OfInterface {
  Ipv4Address address;
  bool reverse = false;
};
struct Known {
  LocalAnswer answer;
};
using Finding = std::variant<Forward, OfInterface, Known>;

/// Names of private addresses outside of the VPC are known not to be: who asks would learn the host's (RFC 6303).
Finding find(const Zone& zone, const Ipv4Cidr& vpc, const Query& query);

/// What an OfInterface comes to.
LocalAnswer answer(const Zone& zone, const OfInterface& finding, bool exists, const Query& query);

}  // namespace caisson::endpoints::dns

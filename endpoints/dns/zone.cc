#include "endpoints/dns/zone.hh"

#include <algorithm>
#include <array>

namespace caisson::endpoints::dns {
namespace {

/// Of answers about network interfaces, whose addresses come and go; EC2 says 60, too.
constexpr const char* kTtl = "60";
constexpr const char* kReverse = "in-addr.arpa";

std::string soa(const std::string& zone) {
  return zone + ". " + kTtl + " IN SOA ns0." + zone + ". hostmaster." + zone + ". 1 3600 900 604800 60";
}

LocalAnswer negative(Rcode rcode, const std::string& zone) {
  return {.rcode = rcode, .answers = {}, .authority = soa(zone)};
}

bool is_below(std::string_view name, std::string_view zone) {
  return name.size() > zone.size() && name.ends_with(zone) && name[name.size() - zone.size() - 1] == '.';
}

/// Four numbers with `separator` between them, without leading zeros.
std::optional<Ipv4Address> parse_numbers(std::string text, char separator) {
  if (separator != '.' && text.find('.') != std::string::npos) return std::nullopt;
  std::replace(text.begin(), text.end(), separator, '.');
  const auto address = Ipv4Address::parse(text);
  return address && address->text() == text ? address : std::nullopt;
}

Ipv4Address turned(Ipv4Address address) {
  const std::uint32_t v = address.value;
  return {v << 24U | (v & 0xff00U) << 8U | (v >> 8U & 0xff00U) | v >> 24U};
}

Finding find_private(const std::string& zone, const Query& query) {
  if (query.name == zone) {
    if (query.type == kSoa) return Known{{.answers = {soa(zone)}}};
    return Known{negative(Rcode::kNoError, zone)};
  }
  const std::string label = query.name.substr(0, query.name.size() - zone.size() - 1);
  const auto address = label.starts_with("ip-") ? parse_numbers(label.substr(3), '-') : std::nullopt;
  if (!address) return Known{negative(Rcode::kNxDomain, zone)};
  return OfInterface{.address = *address};
}

bool is_private(Ipv4Address address) {
  static const std::array<Ipv4Cidr, 6> kPrivate{Ipv4Cidr({0x0a000000}, 8),  Ipv4Cidr({0xac100000}, 12),
                                                Ipv4Cidr({0xc0a80000}, 16), Ipv4Cidr({0x64400000}, 10),
                                                Ipv4Cidr({0xa9fe0000}, 16), Ipv4Cidr({0x7f000000}, 8)};
  return std::any_of(kPrivate.begin(), kPrivate.end(),
                     [&](const Ipv4Cidr& block) { return block.contains(address); });
}

Finding find_reverse(const Ipv4Cidr& vpc, const Query& query) {
  const auto text = query.name.substr(0, query.name.size() - std::string_view(kReverse).size() - 1);
  const auto backwards = parse_numbers(text, '.');
  if (!backwards) return Forward{};
  const Ipv4Address address = turned(*backwards);
  if (vpc.contains(address)) return OfInterface{.address = address, .reverse = true};
  if (is_private(address)) return Known{negative(Rcode::kNxDomain, kReverse)};
  return Forward{};
}

const ServiceName* find_service(const Zone& zone, const std::string& name) {
  const auto found =
      std::find_if(zone.services.begin(), zone.services.end(), [&](const ServiceName& service) {
        if (!service.host.starts_with("*.")) return service.host == name;
        return is_below(name, std::string_view(service.host).substr(2));
      });
  return found == zone.services.end() ? nullptr : &*found;
}

}  // namespace

std::string private_zone(const std::string& region) {
  return region == "us-east-1" ? "ec2.internal" : region + ".compute.internal";
}

std::string private_name(Ipv4Address address, const std::string& region) {
  std::string text = address.text();
  std::replace(text.begin(), text.end(), '.', '-');
  return "ip-" + text + "." + private_zone(region);
}

Finding find(const Zone& zone, const Ipv4Cidr& vpc, const Query& query) {
  const std::string own = private_zone(zone.region);
  if (query.name == own || is_below(query.name, own)) return find_private(own, query);
  if (is_below(query.name, kReverse)) return find_reverse(vpc, query);
  const ServiceName* service = find_service(zone, query.name);
  if (service == nullptr) return Forward{};
  if (query.type != kA) return Known{negative(Rcode::kNoError, query.name)};
  return Known{{.answers = {query.name + ". " + kTtl + " IN A " + service->address.text()}}};
}

LocalAnswer answer(const Zone& zone, const OfInterface& finding, bool exists, const Query& query) {
  const std::string own = finding.reverse ? kReverse : private_zone(zone.region);
  if (!exists) return negative(Rcode::kNxDomain, own);
  if (finding.reverse && query.type == kPtr) {
    return {.answers = {query.name + ". " + kTtl + " IN PTR " + private_name(finding.address, zone.region) +
                        "."}};
  }
  if (!finding.reverse && query.type == kA) {
    return {.answers = {query.name + ". " + kTtl + " IN A " + finding.address.text()}};
  }
  return negative(Rcode::kNoError, own);
}

}  // namespace caisson::endpoints::dns

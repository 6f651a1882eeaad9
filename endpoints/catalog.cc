#include "endpoints/catalog.hh"

#include <algorithm>

#include "endpoints/model/documents.hh"

namespace caisson::endpoints {

Result<std::vector<Service>> known_services(const std::string& region) {
  std::vector<Service> services;
  for (const auto document : documents()) {
    TRY(auto service, parse_service(document, region));
    services.push_back(std::move(service));
  }
  return services;
}

std::vector<std::string> hosts_of(const std::vector<Service>& services) {
  std::vector<std::string> hosts;
  for (const auto& service : services)
    hosts.insert(hosts.end(), service.hosts.begin(), service.hosts.end());
  return hosts;
}

std::vector<dns::ServiceName> names_of(const std::vector<Service>& services) {
  std::vector<dns::ServiceName> names;
  for (const auto& service : services) {
    const auto& cidr = service.cidrs.front();
    const Ipv4Address address{cidr.base().value + (cidr.length() < 31 ? 1U : 0U)};
    for (const auto& host : service.hosts)
      names.push_back({.host = host, .address = address});
  }
  return names;
}

const Service* find_by_service_name(const std::vector<Service>& services, const std::string& name) {
  const auto found = std::ranges::find(services, name, &Service::service_name);
  return found == services.end() ? nullptr : &*found;
}

}  // namespace caisson::endpoints

#include "netd/api/services.hh"

#include <algorithm>

#include "endpoints/model/documents.hh"
#include "endpoints/model/service.hh"
#include "netd/api/resources.hh"

namespace caisson::netd::api {

std::vector<vpc::Service> known_services() {
  std::vector<vpc::Service> services;
  for (const auto document : endpoints::documents()) {
    const auto read = endpoints::parse_service(document, kRegion);
    if (!read) continue;
    const auto id = vpc::PrefixListId::parse(read.value().prefix_list);
    if (id) services.push_back({read.value().service_name, *id, read.value().cidrs, read.value().ports});
  }
  std::sort(services.begin(), services.end(),
            [](const auto& a, const auto& b) { return a.prefix_list < b.prefix_list; });
  return services;
}

}  // namespace caisson::netd::api

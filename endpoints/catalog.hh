// What the services' documents say, as the parts of endpointd want it. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "endpoints/dns/zone.hh"
#include "endpoints/model/service.hh"

namespace caisson::endpoints {

/// The services that this program was built with. Errors: InvalidServiceDocument.
Result<std::vector<Service>> known_services(const std::string& region);

/// All names of all services: those of the certificate.
std::vector<std::string> hosts_of(const std::vector<Service>& services);

/// Each name with the first address of its service's prefix list that is no network's.
std::vector<dns::ServiceName> names_of(const std::vector<Service>& services);

/// The service whose endpoints have this name ("com.amazonaws.us-east-1.s3"), or nullptr.
const Service* find_by_service_name(const std::vector<Service>& services, const std::string& name);

}  // namespace caisson::endpoints

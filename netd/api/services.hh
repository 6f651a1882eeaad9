// The services of this host, as the model knows them.
#pragma once

#include "vpc/model/vpc_endpoint.hh"

namespace caisson::netd::api {

/// What the services' documents say, in the order of their prefix lists' ids: State::services. The documents are a part
/// of the program, and a test reads them all; one that can't be read would be left out.
std::vector<vpc::Service> known_services();

}  // namespace caisson::netd::api

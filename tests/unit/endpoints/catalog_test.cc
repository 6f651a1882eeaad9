#include "endpoints/catalog.hh"

#include <gtest/gtest.h>

#include <algorithm>

namespace caisson::endpoints {
namespace {

TEST(Catalog, NamesLeadToAddressesOfTheirServices) {
  const auto services = known_services("us-east-1").value();
  ASSERT_EQ(services.size(), 2U);
  for (const auto& [host, address] : names_of(services)) {
    const auto service = std::ranges::find_if(
        services, [&, &name = host](const Service& one) { return std::ranges::count(one.hosts, name) != 0; });
    ASSERT_NE(service, services.end());
    const auto& cidr = service->cidrs.front();
    EXPECT_TRUE(cidr.contains(address)) << host;
    EXPECT_NE(address, cidr.base()) << host;
  }
  const auto hosts = hosts_of(services);
  EXPECT_EQ(hosts.size(), names_of(services).size());
  for (const char* host :
       {"s3.us-east-1.amazonaws.com", "*.s3.us-east-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com"}) {
    EXPECT_EQ(std::ranges::count(hosts, host), 1) << host;
  }
}

TEST(Catalog, ServicesHaveTheirEndpointsNames) {
  const auto services = known_services("us-east-1").value();
  ASSERT_NE(find_by_service_name(services, "com.amazonaws.us-east-1.s3"), nullptr);
  EXPECT_EQ(find_by_service_name(services, "com.amazonaws.us-east-1.s3")->name, "s3");
  EXPECT_EQ(find_by_service_name(services, "s3"), nullptr);
}

}  // namespace
}  // namespace caisson::endpoints

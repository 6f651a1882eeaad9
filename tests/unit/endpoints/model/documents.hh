// The services' documents as they are installed.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "endpoints/model/service.hh"

namespace caisson::endpoints {

inline Service service_of(const std::string& name) {
  std::ifstream file(CAISSON_SERVICES + name + ".json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto service = parse_service(text, "us-east-1");
  EXPECT_TRUE(service) << service.error().text();
  return std::move(service).value();
}

}  // namespace caisson::endpoints

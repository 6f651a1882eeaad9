// The parts of the table of operations, one per resource, and what they show of each other's resources.
#pragma once

#include <vector>

#include "netd/api/operations.hh"

namespace caisson::netd::api {

inline constexpr const char* kRegion = "us-east-1";

std::vector<Operation> vpc_operations();
std::vector<Operation> subnet_operations();
std::vector<Operation> route_table_operations();
std::vector<Operation> route_operations();
std::vector<Operation> vpc_endpoint_operations();
std::vector<Operation> prefix_list_operations();
std::vector<Operation> network_acl_operations();
std::vector<Operation> security_group_operations();
std::vector<Operation> security_group_rule_operations();
std::vector<Operation> network_interface_operations();
std::vector<Operation> tag_operations();
std::vector<Operation> function_interface_operations();
std::vector<Operation> account_operations();

}  // namespace caisson::netd::api

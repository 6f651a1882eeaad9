#include "vpc/apply/change.hh"

namespace caisson::vpc {

Result<SubnetId> ensure_managed_subnet(Change& change) {
  const SubnetId* found = change.state.managed_subnets.value_at(change.account());
  if (found != nullptr) return *found;
  // The only route leads out: without a local route, functions of one account cannot reach each other, as
  // functions outside a VPC cannot at AWS.
  TRY(auto vpc, make_vpc(change, {.cidr = Ipv4Cidr({0xac1f0000}, 16),
                                  .managed = true,
                                  .target = RouteTarget::kManaged,
                                  .destination = Ipv4Cidr({0}, 0),
                                  .ingress_from_itself = false}));
  TRY(auto subnet, make_subnet(change, vpc, Ipv4Cidr({0xac1f0000}, 20), "", {}));
  change.state.managed_subnets.emplace(change.account(), subnet);
  return subnet;
}

}  // namespace caisson::vpc

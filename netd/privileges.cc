#include "netd/privileges.hh"

#include "base/privileges.hh"

namespace caisson::netd {

Status drop_privileges() {
  TRYV(keep_capabilities({CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN}, CAPNG_SELECT_BOTH));
  TRY(auto filter, SystemCallFilter::make());
  TRYV(filter.deny_what_no_server_needs());
  return std::move(filter).load();
}

}  // namespace caisson::netd

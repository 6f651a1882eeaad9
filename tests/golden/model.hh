// What stands behind a case: the model as netd changes it, and a kernel that is a value.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "netd/reconcile/plan.hh"
#include "tests/golden/case_file.hh"
#include "vpc/model/state.hh"

namespace caisson::golden {

/// The names of a case and what they stand for.
using Names = std::map<std::string, std::string>;

/// Takes requests as netd does: checked, stored, read back, applied. The n-th one has seed n.
class Model {
 public:
  vpc::State state;
  Names names;

  /// "" or the error's code.
  std::string ask(const Request& request);
  /// Deletes all that EC2's API lets one delete; the requests' codes must be empty: the first one that is not.
  std::string delete_all();

 private:
  std::string ask(const std::string& operation, const nlohmann::json& parameters, nlohmann::json* reply);
  std::uint64_t seed_ = 0;
};

/// Executes plans; links get the indexes 101, 102, ... as they are made.
class Kernel {
 public:
  netd::reconcile::ObservedState observed;

  /// What netd would do now, in its order; done at once, since the tables need the links' indexes.
  netd::reconcile::Plan reconcile(const vpc::DesiredState& desired);

 private:
  void execute(const netd::reconcile::Plan& plan);
  std::uint32_t next_index_ = 101;
};

}  // namespace caisson::golden

// What a case shows, as lines; ids that the case has a name for are shown by it.
#pragma once

#include <string>
#include <vector>

#include "netd/reconcile/plan.hh"
#include "tests/golden/model.hh"

namespace caisson::golden {

using Lines = std::vector<std::string>;

Lines print(const vpc::DesiredState& desired, const Names& names);
/// Operations with their objects, and for entries of maps the value: hexadecimal, but for the id at its end.
Lines print(const netd::reconcile::Plan& plan, const Names& names);

}  // namespace caisson::golden

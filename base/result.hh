// Result<T>: a value or an Error. Reading the value of an error (or the reverse) ends the process: it is a bug.
#pragma once

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/success_failure.hpp>
#include <boost/outcome/try.hpp>

#include "base/error.hh"

namespace caisson {

namespace outcome = boost::outcome_v2;

template <class T>
using Result = outcome::basic_result<T, Error, outcome::policy::terminate>;
using Status = Result<void>;

/// `return ok();` from a function that returns Status.
inline auto ok() {
  return outcome::success();
}

}  // namespace caisson

/// TRY(auto name, expression): binds the value, or returns the error to the caller. TRYV(expression) for Status.
#define TRY(...) BOOST_OUTCOME_TRY(__VA_ARGS__)
#define TRYV(...) BOOST_OUTCOME_TRYV(__VA_ARGS__)

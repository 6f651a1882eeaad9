// Requests that make or change a function: JSON to checked values. Pure; the limits are those of "Lambda
// quotas".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hh"
#include "runner/functions/function.hh"

namespace caisson::runner {

/// What this host can run.
struct Offer {
  std::vector<std::string> runtimes;  ///< those that have a guest image
};

struct CreateRequest {
  std::string name;   ///< as given, in any of the forms of FunctionName
  Settings settings;  ///< without `code`
  std::string zip;    ///< bytes of the archive
  std::map<std::string, std::string> tags;
};

struct CodeRequest {
  std::string zip;
  std::string revision;  ///< RevisionId, empty: none
  bool dry_run = false;
};

struct ConfigurationRequest {
  Settings settings;  ///< those given, merged with the function's
  std::string revision;
};

/// All errors have a Lambda error code: InvalidParameterValueException, InvalidRequestContentException (not a
/// JSON object), ValidationException (a shape's constraint), RequestTooLargeException (the ZIP).
Result<CreateRequest> parse_create(std::string_view body, const Offer& offer);
Result<CodeRequest> parse_code(std::string_view body);
/// Omitted members keep their value in `before`; Environment and VpcConfig are replaced as a whole.
Result<ConfigurationRequest> parse_configuration(std::string_view body, const Settings& before,
                                                 const Offer& offer);

inline constexpr std::size_t kMaxZipBytes = 50 * 1024 * 1024;
inline constexpr std::size_t kMaxEnvironmentBytes = 4 * 1024;

}  // namespace caisson::runner

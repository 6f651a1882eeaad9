#include "runner/functions/request.hh"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json_depth.hh"
#include "runner/functions/base64.hh"
#include "runner/functions/function_name.hh"

namespace caisson::runner {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kDeepest = 16;
/// Of a subnet's or a group's id. EC2's have at most 24; all of a function's are handed to netd in one message.
constexpr std::size_t kMaxId = 64;
/// Of a wrong value in an error's message, bytes.
constexpr std::size_t kMaxShown = 256;

constexpr std::array kReservedVariables = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
};

Error invalid(std::string message) {
  return {.code = "InvalidParameterValueException", .message = std::move(message)};
}

Error constraint(const std::string& value, const std::string& member, const std::string& rule) {
  const std::string shown = value.size() > kMaxShown ? value.substr(0, kMaxShown) + "..." : value;
  return {.code = "ValidationException",
          .message = "1 validation error detected: Value '" + shown + "' at '" + member +
                     "' failed to satisfy constraint: " + rule};
}

Result<Json> parse_object(std::string_view body) {
  if (nested_deeper_than(body, kDeepest)) {
    return Error{.code = "InvalidRequestContentException",
                 .message = "Could not parse request body into json: it is nested deeper than " +
                            std::to_string(kDeepest) + " levels."};
  }
  Json object = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (object.is_object()) return object;
  return Error{.code = "InvalidRequestContentException",
               .message = "Could not parse request body into json: a JSON object is expected."};
}

/// A member that is there and not null; null means "not given", as clients send it.
const Json* find(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Status take_text(const Json& object, const char* name, std::size_t limit, std::string& into) {
  const Json* found = find(object, name);
  if (found == nullptr) return ok();
  if (!found->is_string()) return constraint(found->dump(), name, "Member must be a string");
  into = found->get<std::string>();
  if (into.size() <= limit) return ok();
  return constraint(into.substr(0, 64) + "...", name,
                    "Member must have length less than or equal to " + std::to_string(limit));
}

Status take_number(const Json& object, const char* name, int least, int most, int& into) {
  const Json* found = find(object, name);
  if (found == nullptr) return ok();
  if (!found->is_number_integer()) return constraint(found->dump(), name, "Member must be an integer");
  if (*found < least) {
    return constraint(found->dump(), name,
                      "Member must have value greater than or equal to " + std::to_string(least));
  }
  if (*found > most) {
    return constraint(found->dump(), name,
                      "Member must have value less than or equal to " + std::to_string(most));
  }
  into = found->get<int>();
  return ok();
}

bool is_variable_name(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto inner = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  return name.size() >= 2 && letter(name[0]) && std::all_of(name.begin() + 1, name.end(), inner);
}

Result<std::map<std::string, std::string>> parse_texts(const Json& object, const std::string& member) {
  if (!object.is_object()) return constraint(object.dump(), member, "Member must be a map of strings");
  std::map<std::string, std::string> texts;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_string()) return constraint(value.dump(), member + "." + name, "Member must be a string");
    texts.emplace(name, value.get<std::string>());
  }
  return texts;
}

Status take_environment(const Json& object, Settings& settings) {
  const Json* environment = find(object, "Environment");
  if (environment == nullptr) return ok();
  if (!environment->is_object())
    return constraint(environment->dump(), "environment", "Member must be a structure");
  settings.variables.clear();
  const Json* variables = find(*environment, "Variables");
  if (variables == nullptr) return ok();
  TRY(settings.variables, parse_texts(*variables, "environment.variables"));
  std::size_t bytes = 0;
  for (const auto& [name, value] : settings.variables) {
    bytes += name.size() + value.size();
    // Reserved before well-formed: "_HANDLER" is both reserved and no well-formed name.
    if (std::ranges::find(kReservedVariables, name) != kReservedVariables.end()) {
      return invalid(
          "Lambda was unable to configure your environment variables because the environment variables you "
          "have "
          "provided contains reserved keys that are currently not supported for modification. Reserved keys "
          "used "
          "in this request: " +
          name);
    }
    if (!is_variable_name(name)) {
      return constraint(name, "environment.variables",
                        "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
                        "[a-zA-Z]([a-zA-Z0-9_])+]");
    }
    if (value.find('\0') != std::string::npos) {
      return constraint(name, "environment.variables", "Map values must not contain NUL");
    }
  }
  if (bytes <= kMaxEnvironmentBytes) return ok();
  return invalid(
      "Lambda was unable to configure your environment variables because the environment variables you "
      "have provided exceeded the 4KB limit.");
}

bool is_id(const std::string& text, const std::string& prefix) {
  constexpr std::string_view kAllowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return text.starts_with(prefix) && text.find_first_not_of(kAllowed, prefix.size()) == std::string::npos;
}

Status take_ids(const Json& object, const char* name, std::size_t limit, const std::string& prefix,
                std::vector<std::string>& into) {
  into.clear();
  const Json* list = find(object, name);
  if (list == nullptr) return ok();
  if (!list->is_array()) return constraint(list->dump(), name, "Member must be a list");
  for (const Json& item : *list) {
    if (!item.is_string() || !is_id(item.get_ref<const std::string&>(), prefix)) {
      return constraint(item.dump(), name,
                        "Member must satisfy regular expression pattern: ^" + prefix + "[0-9a-zA-Z]*$");
    }
    if (item.get_ref<const std::string&>().size() > kMaxId) {
      return constraint(item.dump(), name,
                        "Member must have length less than or equal to " + std::to_string(kMaxId));
    }
    if (std::ranges::find(into, item.get<std::string>()) == into.end())
      into.push_back(item.get<std::string>());
  }
  if (into.size() <= limit) return ok();
  return constraint(list->dump(), name,
                    "Member must have length less than or equal to " + std::to_string(limit));
}

Status take_vpc(const Json& object, Settings& settings) {
  const Json* config = find(object, "VpcConfig");
  if (config == nullptr) return ok();
  if (!config->is_object()) return constraint(config->dump(), "vpcConfig", "Member must be a structure");
  if (const Json* dual = find(*config, "Ipv6AllowedForDualStack"); dual != nullptr && *dual != false) {
    return invalid("Ipv6AllowedForDualStack is not supported: functions have IPv4 only.");
  }
  VpcSettings vpc;
  TRYV(take_ids(*config, "SubnetIds", 16, "subnet-", vpc.subnets));
  TRYV(take_ids(*config, "SecurityGroupIds", 5, "sg-", vpc.groups));
  if (vpc.subnets.empty() != vpc.groups.empty()) {
    return invalid(
        "Invalid request provided: The VPC configuration needs at least one subnet and one security "
        "group, or both lists empty.");
  }
  // The VPC's id comes with the interfaces; until they differ it stays what it was.
  if (vpc.subnets == settings.vpc.subnets && vpc.groups == settings.vpc.groups) vpc.vpc = settings.vpc.vpc;
  settings.vpc = std::move(vpc);
  return ok();
}

bool is_role(const std::string& role) {
  // arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+
  if (!role.starts_with("arn:aws")) return false;
  const std::size_t iam = role.find(":iam::");
  if (iam == std::string::npos) return false;
  const std::string rest = role.substr(iam + 6);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return rest.size() > 18 && std::all_of(rest.begin(), rest.begin() + 12, digit) &&
         rest.compare(12, 5, ":role") == 0;
}

Status check_role(const std::string& role) {
  if (is_role(role)) return ok();
  return constraint(role, "role",
                    "Member must satisfy regular expression pattern: "
                    "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+");
}

/// Members that Lambda has and this runner does not: accepted only with the value that means "off".
Status refuse_unsupported(const Json& object) {
  for (const char* name : {"Layers", "FileSystemConfigs"}) {
    const Json* list = find(object, name);
    if (list != nullptr && !list->empty()) return invalid(std::string(name) + " is not supported.");
  }
  for (const char* name : {"ImageConfig", "CodeSigningConfigArn", "PublishTo", "CapacityProviderConfig",
                           "DurableConfig", "TenancyConfig"}) {
    const Json* value = find(object, name);
    if (value != nullptr && !value->empty() && *value != "")
      return invalid(std::string(name) + " is not supported.");
  }
  if (const Json* key = find(object, "KMSKeyArn"); key != nullptr && *key != "") {
    return invalid("KMSKeyArn is not supported.");
  }
  const auto only = [&object](const char* name, const char* member, const char* allowed) -> Status {
    const Json* value = find(object, name);
    if (value == nullptr || !value->is_object()) return ok();
    const Json* inner = find(*value, member);
    if (inner == nullptr || *inner == allowed) return ok();
    return invalid(std::string(name) + "." + member + " " + inner->dump() +
                   " is not supported; supported: \"" + allowed + "\".");
  };
  TRYV(only("SnapStart", "ApplyOn", "None"));
  TRYV(only("TracingConfig", "Mode", "PassThrough"));
  TRYV(only("LoggingConfig", "LogFormat", "Text"));
  TRYV(only("DeadLetterConfig", "TargetArn", ""));
  if (const Json* package = find(object, "PackageType"); package != nullptr && *package != "Zip") {
    return invalid("PackageType " + package->dump() + " is not supported; supported: \"Zip\".");
  }
  if (const Json* publish = find(object, "Publish"); publish != nullptr && *publish != false) {
    return invalid("Publish is not supported: functions have the version $LATEST only.");
  }
  if (const Json* list = find(object, "Architectures"); list != nullptr && *list != Json::array({"x86_64"})) {
    return invalid("Architectures " + list->dump() + " is not supported; supported: [\"x86_64\"].");
  }
  return ok();
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

Status check_runtime(const std::string& runtime, const Offer& offer) {
  if (std::ranges::find(offer.runtimes, runtime) != offer.runtimes.end()) return ok();
  return invalid("Value " + runtime +
                 " at 'runtime' failed to satisfy constraint: Member must satisfy enum value "
                 "set: [" +
                 join(offer.runtimes) + "] or be a valid ARN");
}

/// What CreateFunction and UpdateFunctionConfiguration have in common.
Status take_settings(const Json& object, const Offer& offer, Settings& settings) {
  TRYV(refuse_unsupported(object));
  TRYV(take_text(object, "Runtime", 64, settings.runtime));
  TRYV(take_text(object, "Handler", 128, settings.handler));
  TRYV(take_text(object, "Role", 2048, settings.role));
  TRYV(take_text(object, "Description", 256, settings.description));
  TRYV(take_number(object, "Timeout", 1, 900, settings.timeout_seconds));
  TRYV(take_number(object, "MemorySize", 128, 10240, settings.memory_mib));
  if (const Json* storage = find(object, "EphemeralStorage"); storage != nullptr && storage->is_object()) {
    TRYV(take_number(*storage, "Size", 512, 10240, settings.temporary_mib));
  }
  TRYV(take_environment(object, settings));
  TRYV(take_vpc(object, settings));
  TRYV(check_role(settings.role));
  TRYV(check_runtime(settings.runtime, offer));
  const bool blank =
      std::ranges::any_of(settings.handler, [](char c) { return c == ' ' || c == '\t' || c < ' '; });
  if (!settings.handler.empty() && !blank) return ok();
  return constraint(settings.handler, "handler", "Member must satisfy regular expression pattern: [^\\s]+");
}

/// Lambda Developer Guide, "Using tags on Lambda functions": at most 50, with characters of UTF-8 counted.
Status check_tags(const std::map<std::string, std::string>& tags) {
  if (tags.size() > 50) return invalid("A function can have at most 50 tags.");
  const auto characters = [](const std::string& text) {
    return std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; });
  };
  for (const auto& [key, value] : tags) {
    if (key.empty() || characters(key) > 128) return invalid("A tag's key has 1 to 128 characters.");
    if (characters(value) > 256) return invalid("A tag's value has at most 256 characters.");
    if (key.starts_with("aws:")) return invalid("Tag keys that begin with aws: are reserved.");
  }
  return ok();
}

Result<std::string> take_zip(const Json& code) {
  for (const char* name : {"S3Bucket", "S3Key", "ImageUri"}) {
    if (find(code, name) != nullptr) {
      return invalid(std::string(name) + " is not supported; give the archive's bytes in ZipFile.");
    }
  }
  const Json* member = find(code, "ZipFile");
  if (member == nullptr || !member->is_string()) return invalid("Please provide the archive in ZipFile.");
  std::optional<std::string> zip = decode_base64(member->get_ref<const std::string&>());
  if (!zip || zip->empty()) {
    return invalid("Could not unzip uploaded file. Please check your file, then try to upload again.");
  }
  if (zip->size() <= kMaxZipBytes) return std::move(*zip);
  return Error{.code = "RequestTooLargeException",
               .message = "Request must be smaller than " + std::to_string(kMaxZipBytes) +
                          " bytes for the CreateFunction operation"};
}

}  // namespace

Result<CreateRequest> parse_create(std::string_view body, const Offer& offer) {
  TRY(Json object, parse_object(body));
  CreateRequest request;
  TRYV(take_text(object, "FunctionName", 140, request.name));
  if (find(object, "Runtime") == nullptr || find(object, "Handler") == nullptr) {
    return invalid(
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.");
  }
  TRYV(take_settings(object, offer, request.settings));
  if (const Json* tags = find(object, "Tags"); tags != nullptr) {
    TRY(request.tags, parse_texts(*tags, "tags"));
    TRYV(check_tags(request.tags));
  }
  const Json* code = find(object, "Code");
  if (code == nullptr || !code->is_object()) return invalid("Please provide the archive in Code.ZipFile.");
  TRY(request.zip, take_zip(*code));
  return request;
}

Result<CodeRequest> parse_code(std::string_view body) {
  TRY(Json object, parse_object(body));
  TRYV(refuse_unsupported(object));
  CodeRequest request;
  TRYV(take_text(object, "RevisionId", 64, request.revision));
  if (const Json* dry = find(object, "DryRun"); dry != nullptr) request.dry_run = *dry == true;
  TRY(request.zip, take_zip(object));
  return request;
}

Result<ConfigurationRequest> parse_configuration(std::string_view body, const Settings& before,
                                                 const Offer& offer) {
  TRY(Json object, parse_object(body));
  ConfigurationRequest request{.settings = before, .revision = {}};
  TRYV(take_text(object, "RevisionId", 64, request.revision));
  TRYV(take_settings(object, offer, request.settings));
  return request;
}

}  // namespace caisson::runner

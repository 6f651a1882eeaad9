#include <algorithm>

#include "netd/api/operations.hh"

namespace caisson::netd::api {
namespace {

constexpr std::size_t kLongestList = 1000;

Error invalid_type(const std::string& path, const char* expected) {
  return {.code = "InvalidParameterValue",
          .message = "Parameter " + path + " is invalid: it must be " + expected};
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
}

Status check_string(const Json& value, const std::string& path, std::size_t longest) {
  if (!value.is_string()) return invalid_type(path, "a string");
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > longest) {
    return invalid_type(path, ("a string of at most " + std::to_string(longest) + " bytes").c_str());
  }
  if (std::any_of(text.begin(), text.end(), is_control)) {
    return invalid_type(path, "a string without control characters");
  }
  return ok();
}

Status check_integer(const Json& value, const std::string& path) {
  // Above 2^63 nlohmann keeps an unsigned value, which would turn negative when it is read.
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() >> 63 != 0)) {
    return invalid_type(path, "an integer");
  }
  return ok();
}

/// Nothing, which a client may send for a member that is not supported.
bool is_empty(const Json& value) {
  return value.is_null() || value == false || value == 0 || value == "" ||
         (value.is_structured() && value.empty());
}

Status check_members(const std::vector<Member>& members, const Json& value, const std::string& path);

Status check_shape(const Shape& shape, const Json& value, const std::string& path) {
  switch (shape.type) {
    case Shape::Type::kString:
      return check_string(value, path, shape.longest);
    case Shape::Type::kInteger:
      return check_integer(value, path);
    case Shape::Type::kBoolean:
      if (!value.is_boolean()) return invalid_type(path, "true or false");
      return ok();
    case Shape::Type::kStructure:
      return check_members(shape.members, value, path + ".");
    case Shape::Type::kList:
      if (!value.is_array()) return invalid_type(path, "a list");
      if (value.size() > kLongestList) return invalid_type(path, "a list of at most 1000 items");
      for (std::size_t i = 0; i < value.size(); ++i) {
        TRYV(check_shape(shape.item.front(), value[i], path + "[" + std::to_string(i) + "]"));
      }
      return ok();
  }
  return invalid_type(path, "of a known type");
}

Status check_members(const std::vector<Member>& members, const Json& value, const std::string& path) {
  if (!value.is_object()) {
    return invalid_type(path.empty() ? "(the request)" : path.substr(0, path.size() - 1), "an object");
  }
  for (const auto& [name, given] : value.items()) {
    const auto member =
        std::find_if(members.begin(), members.end(), [&n = name](const Member& m) { return m.name == n; });
    if (member == members.end()) {
      return Error{.code = "UnknownParameter",
                   .message = "The parameter " + path + name.substr(0, 64) + " is not recognized"};
    }
    if (!member->unsupported.empty() && is_empty(given)) continue;
    TRYV(check_shape(member->shape, given, path + name));
    if (!member->unsupported.empty()) {
      return Error{.code = "InvalidParameterValue",
                   .message = "The parameter " + path + name + " is not supported. " + member->unsupported};
    }
  }
  for (const auto& member : members) {
    if (member.required && !value.contains(member.name)) {
      return Error{.code = "MissingParameter",
                   .message = "The request must contain the parameter " + path + member.name};
    }
  }
  return ok();
}

}  // namespace

Status check_parameters(const std::vector<Member>& members, const Json& parameters) {
  return check_members(members, parameters, "");
}

Status check_parameters(const Operation& operation, const Json& parameters) {
  return check_parameters(operation.members, parameters);
}

}  // namespace caisson::netd::api

#include "cli/arguments.hh"

#include <charconv>

#include "cli/shorthand.hh"

namespace caisson::cli {
namespace {

using netd::api::Shape;

Error usage(const std::string& message) {
  return {.code = "Usage", .message = message};
}

Result<std::int64_t> integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return usage("'" + text + "' is not a number");
  return value;
}

bool looks_like_json(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  return first != std::string::npos && (text[first] == '[' || text[first] == '{');
}

Result<Json> parse_json(const std::string& text) {
  Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return usage("this is not JSON: " + text);
  return parsed;
}

/// Gives what the shorthand has as text the types of the shape. What does not fit stays as it is: the API
/// says what is wrong with it.
Json typed(const Shape& shape, Json value) {
  switch (shape.type) {
    case Shape::Type::kString:
      return value;
    case Shape::Type::kInteger:
      if (value.is_string()) {
        const auto number = integer(value.get<std::string>());
        if (number) return number.value();
      }
      return value;
    case Shape::Type::kBoolean:
      if (value == "true") return true;
      if (value == "false") return false;
      return value;
    case Shape::Type::kList: {
      if (!value.is_array()) value = Json::array({std::move(value)});
      for (auto& item : value)
        item = typed(shape.item.front(), std::move(item));
      return value;
    }
    case Shape::Type::kStructure:
      if (!value.is_object()) return value;
      for (const auto& member : shape.members) {
        const auto found = value.find(member.name);
        if (found != value.end()) *found = typed(member.shape, std::move(*found));
      }
      return value;
  }
  return value;
}

Result<Json> structure_of(const Shape& shape, const std::string& word) {
  if (looks_like_json(word)) return parse_json(word);
  TRY(auto value, parse_shorthand(word));
  return typed(shape, std::move(value));
}

Result<Json> list_of(const Shape& shape, const std::vector<std::string>& words) {
  if (words.size() == 1 && looks_like_json(words.front())) {
    TRY(auto value, parse_json(words.front()));
    return value.is_array() ? value : Json::array({value});
  }
  Json list = Json::array();
  for (const auto& word : words) {
    const Shape& item = shape.item.front();
    if (item.type == Shape::Type::kStructure) {
      TRY(auto value, structure_of(item, word));
      list.push_back(std::move(value));
    } else {
      list.push_back(typed(item, word));
    }
  }
  return list;
}

}  // namespace

std::string kebab_case(const std::string& name) {
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool upper = name[i] >= 'A' && name[i] <= 'Z';
    if (upper && i > 0) text += '-';
    text += upper ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
  }
  return text;
}

Result<Json> value_of(const Shape& shape, const std::vector<std::string>& words) {
  switch (shape.type) {
    case Shape::Type::kString:
      return Json(words.front());
    case Shape::Type::kInteger: {
      TRY(auto number, integer(words.front()));
      return Json(number);
    }
    case Shape::Type::kBoolean:
      return Json(words.front() == "true");
    case Shape::Type::kStructure:
      return structure_of(shape, words.front());
    case Shape::Type::kList:
      return list_of(shape, words);
  }
  return usage("the option has no shape");
}

Result<Json> permission_of(const RuleWords& words) {
  if (words.protocol.empty()) return usage("--port, --cidr and --source-group need --protocol");
  if (words.cidr.empty() == words.source_group.empty()) {
    return usage("--protocol needs either --cidr or --source-group");
  }
  const bool all = words.protocol == "all" || words.protocol == "-1";
  Json permission{{"IpProtocol", all ? "-1" : words.protocol}};
  if (!words.port.empty() && words.port != "all" && !all) {
    // A dash in front belongs to "-1", which is any ICMP type.
    const auto dash = words.port.find('-', 1);
    TRY(auto from, integer(words.port.substr(0, dash)));
    const bool icmp = words.protocol == "icmp" || words.protocol == "1";
    std::int64_t to = icmp ? -1 : from;
    if (dash != std::string::npos) {
      TRY(to, integer(words.port.substr(dash + 1)));
    }
    permission["FromPort"] = from;
    permission["ToPort"] = to;
  } else if (words.port == "all" && (words.protocol == "tcp" || words.protocol == "udp")) {
    permission["FromPort"] = 0;
    permission["ToPort"] = 65535;
  }
  if (!words.cidr.empty()) {
    permission["IpRanges"] = Json::array({{{"CidrIp", words.cidr}}});
  } else {
    permission["UserIdGroupPairs"] = Json::array({{{"GroupId", words.source_group}}});
  }
  return Json::array({permission});
}

}  // namespace caisson::cli

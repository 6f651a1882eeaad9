#include "cli/shorthand.hh"

#include <nlohmann/json.hpp>
#include <string_view>

namespace caisson::cli {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 16;

/// Recursive descent over
///   object = pair *("," pair)     pair = key "=" values     values = value *("," value), before the next
///   pair value = "[" value *("," value) "]" | "{" object "}" | quoted | plain
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Json> whole() {
    TRY(auto object, this->object('\0'));
    if (at_ != text_.size()) return failed("nothing more");
    return object;
  }

 private:
  Error failed(const std::string& expected) const {
    return {.code = "Usage",
            .message = "expected " + expected + " at '" + std::string(text_.substr(at_)) +
                       "' in: " + std::string(text_)};
  }

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  /// Does "key=" begin here?
  [[nodiscard]] bool at_pair() const {
    const auto end =
        text_.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/", at_);
    return end != std::string_view::npos && end > at_ && text_[end] == '=';
  }

  Result<Json> object(char closing) {
    if (++depth_ > kDeepest) return failed("less nesting");
    Json object = Json::object();
    do {
      if (!at_pair()) return failed("KEY=VALUE");
      const auto equals = text_.find('=', at_);
      const std::string key(text_.substr(at_, equals - at_));
      at_ = equals + 1;
      TRY(auto value, values(closing));
      if (!object.emplace(key, std::move(value)).second) return failed("each key only once");
    } while (take(','));
    --depth_;
    return object;
  }

  /// One value, or the list of those up to the next pair.
  Result<Json> values(char closing) {
    TRY(auto first, value(closing));
    Json list = Json::array({first});
    while (peek() == ',') {
      ++at_;
      if (at_pair()) {
        --at_;
        break;
      }
      TRY(auto next, value(closing));
      list.push_back(std::move(next));
    }
    return list.size() == 1 ? first : list;
  }

  Result<Json> value(char closing) {
    if (take('{')) {
      TRY(auto inner, object('}'));
      if (!take('}')) return failed("}");
      return inner;
    }
    if (take('[')) return list();
    if (peek() == '"' || peek() == '\'') return quoted();
    return plain(closing);
  }

  Result<Json> list() {
    if (++depth_ > kDeepest) return failed("less nesting");
    Json list = Json::array();
    if (!take(']')) {
      do {
        TRY(auto item, value(']'));
        list.push_back(std::move(item));
      } while (take(','));
      if (!take(']')) return failed("]");
    }
    --depth_;
    return list;
  }

  Result<Json> quoted() {
    const char quote = text_[at_++];
    std::string text;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      text += text_[at_++];
    }
    if (!take(quote)) return failed(std::string(1, quote));
    return Json(text);
  }

  Result<Json> plain(char closing) {
    std::string text;
    while (at_ < text_.size() && text_[at_] != ',' && (closing == '\0' || text_[at_] != closing)) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      text += text_[at_++];
    }
    return Json(text);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<Json> parse_shorthand(const std::string& text) {
  return Parser(text).whole();
}

}  // namespace caisson::cli

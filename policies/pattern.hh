// Texts with wildcards and variables, as policies write them: "arn:aws:s3:::home/${aws:username}/*".
//
// Source: IAM User Guide, "IAM policy elements: Variables and tags" and "Resource".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hh"

namespace caisson::policies {

/// The one value of a variable, by its key as the policy writes it; nothing when the request has none, or several.
using Lookup = std::function<std::optional<std::string>(std::string_view key)>;

/// A text with every variable replaced. What came out of a variable is never a wildcard.
struct ResolvedPattern {
  struct Symbol {
    /// kValue came out of a variable: a colon there ends no segment of an ARN.
    enum class Kind : unsigned char { kByte, kValue, kAnyOne, kAnyRun };
    Kind kind;
    char byte;  ///< of kByte and kValue
    bool operator==(const Symbol&) const = default;
  };
  std::vector<Symbol> symbols;

  /// `text` as a whole; `*` spans every byte, ':' and '/' too. Takes at most |symbols| * |text| steps.
  [[nodiscard]] bool matches(std::string_view text, bool ignore_case = false) const;
  /// As an ARN: the first five segments (between colons) one by one, the rest as a whole.
  [[nodiscard]] bool matches_arn(std::string_view text) const;
  /// The text itself, where the pattern has no wildcards.
  [[nodiscard]] std::string text() const;
};

class Pattern {
 public:
  /// `variables`: "${...}" has a meaning (Version 2012-10-17); else it is text. `wildcards`: so have "*" and "?".
  /// Errors: InvalidPolicyDocument for a variable that is not closed, is empty, or has a default that is not in quotes.
  static Result<Pattern> parse(std::string_view text, bool variables, bool wildcards = true);
  /// No wildcards, no variables.
  static Pattern literal(std::string_view text);

  /// Nothing when a variable has no value and no default.
  [[nodiscard]] std::optional<ResolvedPattern> resolve(const Lookup& lookup) const;
  /// As the document has it.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  struct Part {
    enum class Kind : unsigned char { kText, kAnyOne, kAnyRun, kVariable };
    Kind kind;
    std::string text;                     ///< of kText, or the variable's key
    std::optional<std::string> fallback;  ///< the variable's default
  };
  Status add_variable(std::string_view inside);
  void add(Part::Kind kind, std::string_view text);

  std::string text_;
  std::vector<Part> parts_;
};

}  // namespace caisson::policies

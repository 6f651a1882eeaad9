#include "policies/pattern.hh"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

namespace caisson::policies {
namespace {

using Symbol = ResolvedPattern::Symbol;

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

bool one_matches(const Symbol& symbol, char c, bool ignore_case) {
  if (symbol.kind == Symbol::Kind::kAnyOne) return true;
  return symbol.kind != Symbol::Kind::kAnyRun &&
         (symbol.byte == c || (ignore_case && lower(symbol.byte) == lower(c)));
}

/// Greedy, and back to the last run that could be longer.
bool span_matches(std::span<const Symbol> symbols, std::string_view text, bool ignore_case) {
  std::size_t s = 0;
  std::size_t t = 0;
  std::optional<std::size_t> run;
  std::size_t run_end = 0;
  while (t < text.size()) {
    if (s < symbols.size() && symbols[s].kind == Symbol::Kind::kAnyRun) {
      run = s++;
      run_end = t;
    } else if (s < symbols.size() && one_matches(symbols[s], text[t], ignore_case)) {
      ++s;
      ++t;
    } else if (run) {
      s = *run + 1;
      t = ++run_end;
    } else {
      return false;
    }
  }
  return std::all_of(symbols.begin() + static_cast<std::ptrdiff_t>(s), symbols.end(),
                     [](const Symbol& symbol) { return symbol.kind == Symbol::Kind::kAnyRun; });
}

Error syntax(const std::string& message) {
  return {.code = "InvalidPolicyDocument", .message = message};
}

constexpr std::size_t kArnSegments = 6;

}  // namespace

bool ResolvedPattern::matches(std::string_view text, bool ignore_case) const {
  return span_matches(symbols, text, ignore_case);
}

bool ResolvedPattern::matches_arn(std::string_view text) const {
  std::span<const Symbol> rest = symbols;
  for (std::size_t segment = 1; segment < kArnSegments; ++segment) {
    const auto end = std::ranges::find(rest, Symbol{Symbol::Kind::kByte, ':'});
    const auto colon = text.find(':');
    // A pattern like "*" has no segments: it is matched as a whole with what is left.
    if (end == rest.end() || colon == std::string_view::npos) break;
    const auto length = static_cast<std::size_t>(end - rest.begin());
    if (!span_matches(rest.first(length), text.substr(0, colon), false)) return false;
    rest = rest.subspan(length + 1);
    text.remove_prefix(colon + 1);
  }
  return span_matches(rest, text, false);
}

std::string ResolvedPattern::text() const {
  std::string out;
  for (const Symbol& symbol : symbols)
    out += symbol.kind == Symbol::Kind::kAnyOne   ? '?'
           : symbol.kind == Symbol::Kind::kAnyRun ? '*'
                                                  : symbol.byte;
  return out;
}

void Pattern::add(Part::Kind kind, std::string_view text) {
  if (kind == Part::Kind::kText && !parts_.empty() && parts_.back().kind == kind) {
    parts_.back().text += text;
  } else if (kind != Part::Kind::kAnyRun || parts_.empty() || parts_.back().kind != kind) {
    parts_.push_back({kind, std::string(text), std::nullopt});
  }
}

/// "${*}", "${?}" and "${$}" are those characters themselves.
Status Pattern::add_variable(std::string_view inside) {
  static constexpr std::array<std::string_view, 3> kEscapes{"*", "?", "$"};
  if (std::ranges::find(kEscapes, inside) != kEscapes.end()) {
    add(Part::Kind::kText, inside);
    return ok();
  }
  const auto comma = inside.find(',');
  std::string_view key = inside.substr(0, comma);
  while (key.ends_with(' '))
    key.remove_suffix(1);
  if (key.empty() || key.find_first_of("${}'\" *?") != std::string_view::npos) {
    return syntax("\"${" + std::string(inside) + "}\" is not the name of a policy variable");
  }
  add(Part::Kind::kVariable, key);
  if (comma == std::string_view::npos) return ok();
  std::string_view fallback = inside.substr(comma + 1);
  while (fallback.starts_with(' '))
    fallback.remove_prefix(1);
  if (fallback.size() < 2 || !fallback.starts_with('\'') || !fallback.ends_with('\'')) {
    return syntax("the default in \"${" + std::string(inside) + "}\" must be in single quotes");
  }
  parts_.back().fallback = std::string(fallback.substr(1, fallback.size() - 2));
  return ok();
}

Result<Pattern> Pattern::parse(std::string_view text, bool variables, bool wildcards) {
  Pattern pattern;
  pattern.text_ = text;
  while (!text.empty()) {
    if (variables && text.starts_with("${")) {
      const auto end = text.find('}');
      if (end == std::string_view::npos) {
        return syntax("a \"${\" in \"" + pattern.text_ + "\" has no closing brace");
      }
      TRYV(pattern.add_variable(text.substr(2, end - 2)));
      text.remove_prefix(end + 1);
      continue;
    }
    if (wildcards && text.front() == '*') {
      pattern.add(Part::Kind::kAnyRun, {});
    } else if (wildcards && text.front() == '?') {
      pattern.add(Part::Kind::kAnyOne, {});
    } else {
      pattern.add(Part::Kind::kText, text.substr(0, 1));
    }
    text.remove_prefix(1);
  }
  return pattern;
}

Pattern Pattern::literal(std::string_view text) {
  Pattern pattern;
  pattern.text_ = text;
  if (!text.empty()) pattern.add(Part::Kind::kText, text);
  return pattern;
}

std::optional<ResolvedPattern> Pattern::resolve(const Lookup& lookup) const {
  ResolvedPattern resolved;
  const auto add_text = [&resolved](Symbol::Kind kind, std::string_view text) {
    for (const char c : text)
      resolved.symbols.push_back({kind, c});
  };
  for (const Part& part : parts_) {
    if (part.kind == Part::Kind::kText) {
      add_text(Symbol::Kind::kByte, part.text);
    } else if (part.kind == Part::Kind::kVariable) {
      auto value = lookup(part.text);
      if (!value) value = part.fallback;
      if (!value) return std::nullopt;
      add_text(Symbol::Kind::kValue, *value);
    } else {
      resolved.symbols.push_back(
          {part.kind == Part::Kind::kAnyRun ? Symbol::Kind::kAnyRun : Symbol::Kind::kAnyOne, 0});
    }
  }
  return resolved;
}

}  // namespace caisson::policies

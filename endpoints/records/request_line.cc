#include "endpoints/records/request_line.hh"

#include <array>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string_view>

namespace caisson::endpoints {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

std::string time_text(std::int64_t time_us) {
  const std::time_t seconds = time_us / kMicroseconds;
  tm parts{};
  (void)::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> fraction{};
  (void)std::snprintf(fraction.data(), fraction.size(), ".%06dZ", static_cast<int>(time_us % kMicroseconds));
  return std::string(text.data(), length) + fraction.data();
}

/// At most kMostOfText bytes, whole characters where it is UTF-8.
std::string_view shortened(std::string_view text) {
  if (text.size() <= kMostOfText) return text;
  std::size_t end = kMostOfText;
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  for (int steps = 0; steps < 3 && continues(end); ++steps)
    --end;
  return text.substr(0, end);
}

class Line {
 public:
  void add(const char* name, std::string_view value) {
    const std::string_view shown = shortened(value);
    truncated_ = truncated_ || shown.size() != value.size();
    begin(name);
    text_ += nlohmann::json(shown).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  }
  void add(const char* name, std::uint64_t value) {
    begin(name);
    text_ += std::to_string(value);
  }
  std::string finish() && {
    if (truncated_) text_ += R"(,"Truncated":true)";
    text_ += "}\n";
    return std::move(text_);
  }

 private:
  void begin(const char* name) {
    text_ += text_.empty() ? "{\"" : ",\"";
    text_ += name;
    text_ += "\":";
  }
  std::string text_;
  bool truncated_ = false;
};

}  // namespace

std::string request_line(const Record& record) {
  Line line;
  line.add("Time", time_text(record.time_us));
  line.add("AccountId", record.account);
  line.add("FunctionName", record.function);
  line.add("RequestId", record.request_id);
  line.add("Endpoint", record.endpoint.empty() ? "managed" : record.endpoint);
  line.add("Service", record.service);
  line.add("Action", record.action);
  line.add("Resource", record.resource);
  line.add("Decision", record.decision);
  line.add("Statement", record.statement);
  line.add("Status", record.status);
  line.add("BytesIn", record.bytes_in);
  line.add("BytesOut", record.bytes_out);
  line.add("LatencyMicroseconds", record.latency_us);
  line.add("NetworkInterfaceId", record.eni);
  line.add("Source", record.source);
  line.add("SourcePort", record.peer.port);
  line.add("Destination", record.peer.local_address.text());
  line.add("DestinationPort", record.peer.local_port);
  line.add("Identity", record.peer.address.text());
  return std::move(line).finish();
}

}  // namespace caisson::endpoints

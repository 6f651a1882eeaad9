#include "vmm/agent_protocol.hh"

#include <cstdlib>
#include <limits>
#include <utility>

#include "vmm/cbor.hh"

namespace caisson::vmm::agent {
namespace {

using cbor::Bytes;
using cbor::Map;

constexpr std::size_t kLengthBytes = 4;
constexpr std::int64_t kAnyInteger = std::numeric_limits<std::int64_t>::max();

Error malformed(const std::string& what) {
  return {.code = "MalformedMessage", .message = what};
}

std::string frame(const Map& map) {
  std::string out = cbor::encode(map, std::string(kLengthBytes, '\0'));
  const std::size_t length = out.size() - kLengthBytes;
  // Every member that can be long is limited where it comes from; a longer message is a bug.
  if (length > kMaxMessageBytes) std::abort();
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    out[i] = static_cast<char>(length >> (8 * i));
  return out;
}

/// Takes members out of a decoded map; the first that is missing, of another type or out of range is
/// remembered.
class Members {
 public:
  explicit Members(Map map) : map_(std::move(map)) {}

  std::int64_t integer(const char* name, std::int64_t least = 0, std::int64_t most = kAnyInteger) {
    const std::int64_t value = take<std::int64_t>(name);
    if (value < least || value > most) fail(name, "is out of range");
    return value;
  }
  [[nodiscard]] bool has(const char* name) const { return map_.contains(name); }
  std::string text(const char* name, std::size_t most) {
    auto value = take<std::string>(name);
    if (value.size() > most) fail(name, "is too long");
    return value;
  }
  std::string bytes(const char* name, std::size_t least, std::size_t most) {
    auto value = take<Bytes>(name).value;
    if (value.size() < least || value.size() > most) fail(name, "has a bad length");
    return value;
  }
  Environment environment() {
    auto value = take<cbor::TextMap>("environment");
    for (const auto& [key, text] : value) {
      if (key.empty() || key.find('=') != std::string::npos || key.find('\0') != std::string::npos ||
          text.find('\0') != std::string::npos) {
        fail("environment", "has a bad variable");
      }
    }
    return value;
  }

  template <class Message, class T>
  Result<Message> finish(T message) {
    if (!problem_.empty()) return malformed(problem_);
    return Message(std::move(message));
  }
  void fail(const std::string& name, const char* what) {
    if (problem_.empty()) problem_ = "member " + name + " " + what;
  }

 private:
  template <class T>
  T take(const char* name) {
    const auto found = map_.find(name);
    if (found == map_.end()) {
      fail(name, "is missing");
      return {};
    }
    auto* value = std::get_if<T>(&found->second);
    if (value == nullptr) {
      fail(name, "is of another type");
      return {};
    }
    return std::move(*value);
  }

  Map map_;
  std::string problem_;
};

constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxArn = 2048;
constexpr std::int64_t kMaxMib = 1 << 20;

struct HostEncoder {
  Map operator()(Init& m) const {
    Map map{{"type", "init"},
            {"environment", m.environment},
            {"handler", m.handler},
            {"memory_mib", m.memory_mib},
            {"tmp_mib", m.tmp_mib},
            {"clock_ns", m.clock_ns},
            {"entropy", Bytes{std::move(m.entropy)}}};
    if (!m.ca_certificate.empty()) map["ca_certificate"] = m.ca_certificate;
    return map;
  }
  Map operator()(PrepareSnapshot&) const { return {{"type", "prepare_snapshot"}}; }
  Map operator()(Restored& m) const {
    return {{"type", "restored"},
            {"clock_ns", m.clock_ns},
            {"entropy", Bytes{std::move(m.entropy)}},
            {"environment", m.environment}};
  }
  Map operator()(Thawed& m) const { return {{"type", "thawed"}, {"clock_ns", m.clock_ns}}; }
  Map operator()(Invoke& m) const {
    return {{"type", "invoke"},
            {"request_id", m.request_id},
            {"deadline_ms", m.deadline_ms},
            {"arn", m.arn},
            {"trace_id", m.trace_id},
            {"client_context", m.client_context},
            {"payload", Bytes{std::move(m.payload)}}};
  }
  Map operator()(Reset&) const { return {{"type", "reset"}}; }
};

const char* text_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kHandled:
      return "handled";
    case ErrorKind::kExit:
      return "exit";
    case ErrorKind::kTooLarge:
      return "too_large";
    case ErrorKind::kInit:
      return "init";
  }
  std::abort();
}

ErrorKind kind_of(Members& members) {
  const std::string text = members.text("kind", kMaxName);
  for (const ErrorKind kind :
       {ErrorKind::kHandled, ErrorKind::kExit, ErrorKind::kTooLarge, ErrorKind::kInit}) {
    if (text == text_of(kind)) return kind;
  }
  members.fail("kind", "has no known value");
  return ErrorKind::kHandled;
}

struct GuestEncoder {
  Map operator()(Ready&) const { return {{"type", "ready"}}; }
  Map operator()(Initialized& m) const {
    return {{"type", "initialized"}, {"duration_us", m.duration_us}, {"max_memory_mib", m.max_memory_mib}};
  }
  Map operator()(InitError& m) const {
    return {{"type", "init_error"}, {"error_type", m.error_type}, {"payload", Bytes{std::move(m.payload)}}};
  }
  Map operator()(Prepared& m) const {
    return {{"type", "prepared"}, {"destroyed_sockets", m.destroyed_sockets}};
  }
  Map operator()(RestoredAcknowledged&) const { return {{"type", "restored"}}; }
  Map operator()(ThawedAcknowledged&) const { return {{"type", "thawed"}}; }
  Map operator()(ResetDone&) const { return {{"type", "reset_done"}}; }
  Map operator()(Response& m) const {
    return {{"type", "response"},
            {"request_id", m.request_id},
            {"payload", Bytes{std::move(m.payload)}},
            {"duration_us", m.duration_us},
            {"max_memory_mib", m.max_memory_mib}};
  }
  Map operator()(InvokeError& m) const {
    return {{"type", "error"},
            {"request_id", m.request_id},
            {"error_type", m.error_type},
            {"payload", Bytes{std::move(m.payload)}},
            {"kind", text_of(m.kind)},
            {"duration_us", m.duration_us},
            {"max_memory_mib", m.max_memory_mib}};
  }
  Map operator()(Log& m) const {
    return {{"type", "log"}, {"bytes", Bytes{std::move(m.bytes)}}, {"dropped", m.dropped}};
  }
};

Result<HostMessage> decode_init(Members members) {
  Init m;
  m.environment = members.environment();
  m.handler = members.text("handler", kMaxName);
  m.memory_mib = members.integer("memory_mib", 0, kMaxMib);
  m.tmp_mib = members.integer("tmp_mib", 1, kMaxMib);
  if (members.has("ca_certificate")) m.ca_certificate = members.text("ca_certificate", kMaxCertificateBytes);
  m.clock_ns = members.integer("clock_ns");
  m.entropy = members.bytes("entropy", kMinEntropyBytes, kMaxEntropyBytes);
  return members.finish<HostMessage>(std::move(m));
}

Result<HostMessage> decode_restored(Members members) {
  Restored m;
  m.clock_ns = members.integer("clock_ns");
  m.entropy = members.bytes("entropy", kMinEntropyBytes, kMaxEntropyBytes);
  m.environment = members.environment();
  return members.finish<HostMessage>(std::move(m));
}

Result<HostMessage> decode_invoke(Members members) {
  Invoke m;
  m.request_id = members.text("request_id", 64);
  m.deadline_ms = members.integer("deadline_ms");
  m.arn = members.text("arn", kMaxArn);
  m.trace_id = members.text("trace_id", kMaxArn);
  m.client_context = members.text("client_context", 4096);
  m.payload = members.bytes("payload", 0, kMaxPayloadBytes);
  return members.finish<HostMessage>(std::move(m));
}

Result<GuestMessage> decode_invoke_error(Members members) {
  InvokeError m;
  m.request_id = members.text("request_id", 64);
  m.error_type = members.text("error_type", kMaxName);
  m.payload = members.bytes("payload", 0, kMaxPayloadBytes);
  m.kind = kind_of(members);
  m.duration_us = members.integer("duration_us");
  m.max_memory_mib = members.integer("max_memory_mib", 0, kMaxMib);
  return members.finish<GuestMessage>(std::move(m));
}

Result<GuestMessage> decode_guest_message(const std::string& type, Members members) {
  if (type == "ready") return members.finish<GuestMessage>(Ready{});
  if (type == "prepared") return members.finish<GuestMessage>(Prepared{members.integer("destroyed_sockets")});
  if (type == "restored") return members.finish<GuestMessage>(RestoredAcknowledged{});
  if (type == "thawed") return members.finish<GuestMessage>(ThawedAcknowledged{});
  if (type == "reset_done") return members.finish<GuestMessage>(ResetDone{});
  if (type == "error") return decode_invoke_error(std::move(members));
  if (type == "initialized") {
    Initialized m{members.integer("duration_us"), members.integer("max_memory_mib", 0, kMaxMib)};
    return members.finish<GuestMessage>(m);
  }
  if (type == "init_error") {
    InitError m{members.text("error_type", kMaxName), members.bytes("payload", 0, kMaxPayloadBytes)};
    return members.finish<GuestMessage>(std::move(m));
  }
  if (type == "response") {
    Response m{members.text("request_id", 64), members.bytes("payload", 0, kMaxPayloadBytes),
               members.integer("duration_us"), members.integer("max_memory_mib", 0, kMaxMib)};
    return members.finish<GuestMessage>(std::move(m));
  }
  if (type == "log") {
    Log m{members.bytes("bytes", 0, kMaxLogBytes), members.integer("dropped")};
    return members.finish<GuestMessage>(std::move(m));
  }
  return malformed("unknown type");
}

Result<std::string> type_in(const Map& map) {
  const auto found = map.find("type");
  if (found == map.end()) return malformed("no type");
  const auto* type = std::get_if<std::string>(&found->second);
  if (type == nullptr) return malformed("the type is no text");
  return *type;
}

}  // namespace

std::string encode(HostMessage message) {
  return frame(std::visit(HostEncoder{}, message));
}

std::string encode(GuestMessage message) {
  return frame(std::visit(GuestEncoder{}, message));
}

Result<HostMessage> decode_host_message(std::string_view body) {
  TRY(auto map, cbor::decode(body));
  TRY(const auto type, type_in(map));
  Members members(std::move(map));
  if (type == "init") return decode_init(std::move(members));
  if (type == "restored") return decode_restored(std::move(members));
  if (type == "invoke") return decode_invoke(std::move(members));
  if (type == "prepare_snapshot") return members.finish<HostMessage>(PrepareSnapshot{});
  if (type == "reset") return members.finish<HostMessage>(Reset{});
  if (type == "thawed") return members.finish<HostMessage>(Thawed{members.integer("clock_ns")});
  return malformed("unknown type");
}

Result<GuestMessage> decode_guest_message(std::string_view body) {
  TRY(auto map, cbor::decode(body));
  TRY(const auto type, type_in(map));
  return decode_guest_message(type, Members(std::move(map)));
}

std::string_view type_of(const GuestMessage& message) {
  static constexpr std::string_view kNames[] = {"ready",  "initialized", "init_error", "prepared", "restored",
                                                "thawed", "reset_done",  "response",   "error",    "log"};
  static_assert(std::size(kNames) == std::variant_size_v<GuestMessage>);
  return kNames[message.index()];
}

void FrameReader::feed(std::string_view bytes) {
  if (consumed_ > 0) {
    buffer_.erase(0, consumed_);
    consumed_ = 0;
  }
  buffer_ += bytes;
}

Result<std::optional<std::string>> FrameReader::next() {
  const std::string_view rest = std::string_view(buffer_).substr(consumed_);
  if (rest.size() < kLengthBytes) return std::optional<std::string>();
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= std::size_t{static_cast<std::uint8_t>(rest[i])} << (8 * i);
  }
  if (length == 0 || length > kMaxMessageBytes)
    return malformed("a frame of " + std::to_string(length) + " bytes");
  if (rest.size() < kLengthBytes + length) return std::optional<std::string>();
  const bool is_last = rest.size() == kLengthBytes + length;
  consumed_ += kLengthBytes + length;
  if (!is_last) return std::optional<std::string>(rest.substr(kLengthBytes, length));
  // The usual case, and one copy of a large payload less.
  std::string body = std::exchange(buffer_, {});
  body.erase(0, std::exchange(consumed_, 0) - length);
  return std::optional<std::string>(std::move(body));
}

}  // namespace caisson::vmm::agent

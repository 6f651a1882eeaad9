// DNS messages (RFC 1035, RFC 6891) as values. ldns reads and writes the wire format. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::endpoints::dns {

inline constexpr std::uint16_t kA = 1;
inline constexpr std::uint16_t kSoa = 6;
inline constexpr std::uint16_t kPtr = 12;
inline constexpr std::uint16_t kAaaa = 28;

enum class Rcode : std::uint8_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5
};

/// The largest reply over UDP, whatever the client takes: none is ever cut into fragments (DNS Flag Day 2020).
inline constexpr std::size_t kLargestDatagram = 1232;
/// Without EDNS (RFC 1035, 2.3.4).
inline constexpr std::size_t kClassicDatagram = 512;
inline constexpr std::size_t kLargestStream = 65535;

/// The message with its length in front, as it goes over TCP (RFC 1035, 4.2.2). At most kLargestStream bytes.
std::string framed(std::string_view message);
using FrameLength = std::array<unsigned char, 2>;
/// How many bytes follow the length.
std::size_t framed_size(const FrameLength& length);

/// A question that can be answered.
struct Query {
  std::uint16_t id = 0;
  std::string name;  ///< in lower case, without the last dot; "" is the root
  std::uint16_t type = 0;
  std::string question;  ///< its bytes, letters as they were sent
  bool recursion_desired = false;
  bool checking_disabled = false;
  bool dnssec_ok = false;
  std::optional<std::uint16_t> edns_size;

  /// How long a reply over UDP may be.
  [[nodiscard]] std::size_t datagram_limit() const;
};

/// One of the two; neither: what came gets no answer (no header, or a reply).
struct Read {
  std::optional<Query> query;
  std::string refusal;  ///< a reply with FORMERR, NOTIMP, REFUSED or BADVERS
};
Read read_query(std::string_view bytes);

/// What is known here and asked of nobody. Records as in a zone file: "name. 60 IN A 10.0.0.5".
struct LocalAnswer {
  Rcode rcode = Rcode::kNoError;
  std::vector<std::string> answers = {};
  std::string authority = {};  ///< an SOA record, of negative answers; or none
};
std::string reply(const Query& query, const LocalAnswer& answer, std::size_t limit);

/// The query as it is sent on: with this id, and EDNS.
std::string forwarded_query(const Query& query, std::uint16_t id);
/// Whether these bytes answer forwarded_query(query, id).
bool answers(const Query& query, std::uint16_t id, std::string_view bytes);
/// The reply did not fit into its datagram: it is to be asked for over TCP.
bool is_truncated(std::string_view bytes);
/// For how many seconds an accepted reply may be used again (RFC 1035, RFC 2308), a day at most; 0: not at all.
std::uint32_t lifetime(std::string_view bytes);
/// An accepted reply as `query` gets it, `age` seconds after it came.
std::string relayed_reply(const Query& query, std::string_view bytes, std::uint32_t age, std::size_t limit);

}  // namespace caisson::endpoints::dns

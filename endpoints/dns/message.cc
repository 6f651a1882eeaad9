#include "endpoints/dns/message.hh"

#include <ldns/ldns.h>

#include <algorithm>
#include <memory>

namespace caisson::endpoints::dns {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint32_t kDay = 86400;
constexpr std::uint8_t kBadVersion = 16;  // RFC 6891, 6.1.3

struct Freer {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
  void operator()(ldns_rdf* data) const { ldns_rdf_deep_free(data); }
  void operator()(char* text) const { ::free(text); }
  void operator()(std::uint8_t* bytes) const { ::free(bytes); }
};
using Packet = std::unique_ptr<ldns_pkt, Freer>;
using Data = std::unique_ptr<ldns_rdf, Freer>;

Packet parse(std::string_view bytes) {
  ldns_pkt* raw = nullptr;
  const auto* start = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (bytes.size() < kHeader || ldns_wire2pkt(&raw, start, bytes.size()) != LDNS_STATUS_OK) return nullptr;
  return Packet(raw);
}

std::string serialize(const ldns_pkt* packet) {
  std::uint8_t* raw = nullptr;
  std::size_t size = 0;
  if (ldns_pkt2wire(&raw, packet, &size) != LDNS_STATUS_OK) return {};
  const std::unique_ptr<std::uint8_t, Freer> bytes(raw);
  return {reinterpret_cast<const char*>(raw), size};
}

unsigned word(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]) << 8U | static_cast<unsigned char>(bytes[at + 1]);
}

/// The header of the query, turned into that of a reply, and nothing else.
std::string refuse(std::string_view query, Rcode rcode) {
  std::string made(query.substr(0, 4));
  made[2] =
      static_cast<char>(0x80U | (static_cast<unsigned char>(made[2]) & 0x79U));  // QR; opcode and RD stay
  made[3] = static_cast<char>(0x80U | static_cast<unsigned>(rcode));             // RA
  made.append(kHeader - made.size(), '\0');
  return made;
}

std::string name_of(const ldns_rdf* owner) {
  const Data lower(ldns_rdf_clone(owner));
  ldns_dname2canonical(lower.get());
  const std::unique_ptr<char, Freer> text(ldns_rdf2str(lower.get()));
  std::string name = text ? text.get() : "";
  if (!name.empty() && name.back() == '.') name.pop_back();
  return name;
}

const ldns_rr* question_of(const ldns_pkt* packet) {
  const ldns_rr_list* questions = ldns_pkt_question(packet);
  return ldns_rr_list_rr_count(questions) == 1 ? ldns_rr_list_rr(questions, 0) : nullptr;
}

/// The question by itself, its name spelt out: a name may hold a pointer even here (into the header), and
/// only ldns follows those.
std::string question_bytes(const ldns_rr* question) {
  std::uint8_t* raw = nullptr;
  std::size_t size = 0;
  if (ldns_rr2wire(&raw, question, LDNS_SECTION_QUESTION, &size) != LDNS_STATUS_OK) return {};
  const std::unique_ptr<std::uint8_t, Freer> bytes(raw);
  return {reinterpret_cast<const char*>(raw), size};
}

/// As ldns reads it, with the letters that were sent.
ldns_rr* read_question(const std::string& bytes) {
  std::size_t at = 0;
  ldns_rr* question = nullptr;
  const auto* start = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (ldns_wire2rr(&question, start, bytes.size(), &at, LDNS_SECTION_QUESTION) != LDNS_STATUS_OK)
    return nullptr;
  return question;
}

void push(ldns_pkt* packet, ldns_pkt_section section, const std::string& record) {
  ldns_rr* made = nullptr;
  if (ldns_rr_new_frm_str(&made, record.c_str(), 0, nullptr, nullptr) == LDNS_STATUS_OK)
    ldns_pkt_push_rr(packet, section, made);
}

Packet reply_to(const Query& query) {
  Packet packet(ldns_pkt_new());
  ldns_pkt_set_id(packet.get(), query.id);
  ldns_pkt_set_qr(packet.get(), true);
  ldns_pkt_set_rd(packet.get(), query.recursion_desired);
  ldns_pkt_set_cd(packet.get(), query.checking_disabled);
  ldns_pkt_set_ra(packet.get(), true);
  if (ldns_rr* question = read_question(query.question); question != nullptr)
    ldns_pkt_push_rr(packet.get(), LDNS_SECTION_QUESTION, question);
  if (query.edns_size) {
    ldns_pkt_set_edns_udp_size(packet.get(), kLargestDatagram);
    ldns_pkt_set_edns_do(packet.get(), query.dnssec_ok);
  }
  return packet;
}

/// What is too long loses its records, and says so (RFC 2181, 9).
std::string fit(const Query& query, const ldns_pkt* packet, std::size_t limit) {
  std::string bytes = serialize(packet);
  if (!bytes.empty() && bytes.size() <= limit) return bytes;
  const Packet emptied = reply_to(query);
  ldns_pkt_set_rcode(emptied.get(), ldns_pkt_get_rcode(packet));
  ldns_pkt_set_tc(emptied.get(), !bytes.empty());
  if (bytes.empty()) ldns_pkt_set_rcode(emptied.get(), LDNS_RCODE_SERVFAIL);
  return serialize(emptied.get());
}

/// The record's own TTL; of an SOA in a negative answer, not longer than its last field says.
std::uint32_t time_of(const ldns_rr* record, bool negative) {
  const std::uint32_t ttl = ldns_rr_ttl(record);
  if (!negative || ldns_rr_get_type(record) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(record) != 7) return ttl;
  return std::min(ttl, ldns_rdf2native_int32(ldns_rr_rdf(record, 6)));
}

void copy_records(const ldns_rr_list* from, std::uint32_t age, ldns_pkt* to, ldns_pkt_section section) {
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(from); ++i) {
    ldns_rr* record = ldns_rr_clone(ldns_rr_list_rr(from, i));
    const std::uint32_t ttl = ldns_rr_ttl(record);
    ldns_rr_set_ttl(record, ttl > age ? ttl - age : 0);
    ldns_pkt_push_rr(to, section, record);
  }
}

}  // namespace

std::size_t Query::datagram_limit() const {
  if (!edns_size) return kClassicDatagram;
  return std::clamp<std::size_t>(*edns_size, kClassicDatagram, kLargestDatagram);
}

Read read_query(std::string_view bytes) {
  if (bytes.size() < kHeader || (static_cast<unsigned char>(bytes[2]) & 0x80U) != 0) return {};
  const unsigned opcode = static_cast<unsigned char>(bytes[2]) >> 3U & 0xfU;
  if (opcode != 0) return {.query = {}, .refusal = refuse(bytes, Rcode::kNotImp)};
  const Packet packet = word(bytes, 4) == 1 ? parse(bytes) : nullptr;
  const ldns_rr* question = packet ? question_of(packet.get()) : nullptr;
  Query query;
  query.question = question == nullptr ? std::string() : question_bytes(question);
  if (query.question.empty()) return {.query = {}, .refusal = refuse(bytes, Rcode::kFormErr)};
  query.id = ldns_pkt_id(packet.get());
  query.name = name_of(ldns_rr_owner(question));
  query.type = static_cast<std::uint16_t>(ldns_rr_get_type(question));
  query.recursion_desired = ldns_pkt_rd(packet.get());
  query.checking_disabled = ldns_pkt_cd(packet.get());
  query.dnssec_ok = ldns_pkt_edns_do(packet.get());
  if (ldns_pkt_edns(packet.get())) query.edns_size = ldns_pkt_edns_udp_size(packet.get());
  if (ldns_pkt_edns_version(packet.get()) != 0) {
    const Packet refusal = reply_to(query);
    ldns_pkt_set_edns_extended_rcode(refusal.get(), kBadVersion >> 4U);
    return {.query = {}, .refusal = serialize(refusal.get())};
  }
  // Zone transfers (251 to 254) and "any" (255) are not a resolver's to give: RFC 8482.
  if (ldns_rr_get_class(question) != LDNS_RR_CLASS_IN || (query.type >= 251 && query.type <= 255))
    return {.query = {}, .refusal = refuse(bytes, Rcode::kRefused)};
  return {.query = std::move(query), .refusal = {}};
}

std::string reply(const Query& query, const LocalAnswer& answer, std::size_t limit) {
  const Packet packet = reply_to(query);
  ldns_pkt_set_rcode(packet.get(), static_cast<std::uint8_t>(answer.rcode));
  for (const auto& record : answer.answers) {
    push(packet.get(), LDNS_SECTION_ANSWER, record);
  }
  if (!answer.authority.empty()) push(packet.get(), LDNS_SECTION_AUTHORITY, answer.authority);
  return fit(query, packet.get(), limit);
}

std::string forwarded_query(const Query& query, std::uint16_t id) {
  Packet packet(ldns_pkt_new());
  ldns_pkt_set_id(packet.get(), id);
  ldns_pkt_set_rd(packet.get(), true);
  ldns_pkt_set_cd(packet.get(), query.checking_disabled);
  if (ldns_rr* question = read_question(query.question); question != nullptr)
    ldns_pkt_push_rr(packet.get(), LDNS_SECTION_QUESTION, question);
  ldns_pkt_set_edns_udp_size(packet.get(), kLargestDatagram);
  ldns_pkt_set_edns_do(packet.get(), query.dnssec_ok);
  return serialize(packet.get());
}

bool answers(const Query& query, std::uint16_t id, std::string_view bytes) {
  const Packet packet = parse(bytes);
  if (!packet || ldns_pkt_id(packet.get()) != id || !ldns_pkt_qr(packet.get())) return false;
  const ldns_rr* question = question_of(packet.get());
  return question != nullptr && name_of(ldns_rr_owner(question)) == query.name &&
         static_cast<std::uint16_t>(ldns_rr_get_type(question)) == query.type &&
         ldns_rr_get_class(question) == LDNS_RR_CLASS_IN;
}

bool is_truncated(std::string_view bytes) {
  return bytes.size() >= kHeader && (static_cast<unsigned char>(bytes[2]) & 2U) != 0;
}

std::uint32_t lifetime(std::string_view bytes) {
  const Packet packet = parse(bytes);
  if (!packet || is_truncated(bytes)) return 0;
  const auto rcode = ldns_pkt_get_rcode(packet.get());
  if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN) return 0;
  const bool negative = ldns_rr_list_rr_count(ldns_pkt_answer(packet.get())) == 0;
  std::uint32_t least = kDay;
  std::size_t seen = 0;
  for (const ldns_rr_list* list : {ldns_pkt_answer(packet.get()), ldns_pkt_authority(packet.get())}) {
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i, ++seen) {
      least = std::min(least, time_of(ldns_rr_list_rr(list, i), negative));
    }
  }
  return seen == 0 ? 0 : least;
}

std::string relayed_reply(const Query& query, std::string_view bytes, std::uint32_t age, std::size_t limit) {
  const Packet given = parse(bytes);
  if (!given) return reply(query, {.rcode = Rcode::kServFail}, limit);
  const Packet packet = reply_to(query);
  ldns_pkt_set_rcode(packet.get(), ldns_pkt_get_rcode(given.get()));
  ldns_pkt_set_ad(packet.get(), query.dnssec_ok && ldns_pkt_ad(given.get()));
  copy_records(ldns_pkt_answer(given.get()), age, packet.get(), LDNS_SECTION_ANSWER);
  copy_records(ldns_pkt_authority(given.get()), age, packet.get(), LDNS_SECTION_AUTHORITY);
  copy_records(ldns_pkt_additional(given.get()), age, packet.get(), LDNS_SECTION_ADDITIONAL);
  return fit(query, packet.get(), limit);
}

std::string framed(std::string_view message) {
  std::string bytes{static_cast<char>(message.size() >> 8U), static_cast<char>(message.size())};
  bytes += message;
  return bytes;
}

std::size_t framed_size(const FrameLength& length) {
  return static_cast<std::size_t>(length[0]) << 8U | length[1];
}

}  // namespace caisson::endpoints::dns

#include "netd/endpoint/decode.hh"

#include <nlohmann/json.hpp>

#include "netd/seqpacket/form.hh"

namespace caisson::netd::endpoint {
namespace {

using seqpacket::Kind;

const seqpacket::Operations& operations() {
  static const seqpacket::Operations kAll{
      {"Sockets", {}},
      {"Revision", {}},
      {"ResolveClient", {{"address", Kind::kNumber}, {"port", Kind::kPort}}},
      {"ResolveConnection",
       {{"address", Kind::kNumber}, {"port", Kind::kPort}, {"local_address", Kind::kNumber}}},
      {"FindAddress", {{"vpc", Kind::kId}, {"address", Kind::kNumber}}},
      {"Key",
       {{"access_key_id", Kind::kWord},
        {"token", Kind::kToken},
        {"date", Kind::kWord},
        {"region", Kind::kWord},
        {"service", Kind::kWord}}},
      {"Policy", {{"endpoint", Kind::kId}}}};
  return kAll;
}

}  // namespace

std::optional<nlohmann::json> decode_request(std::string_view bytes) {
  return seqpacket::decode(bytes, operations());
}

}  // namespace caisson::netd::endpoint

#include "netd/attach/decode.hh"

#include <nlohmann/json.hpp>

#include "netd/seqpacket/form.hh"

namespace caisson::netd::attach {
namespace {

using seqpacket::Kind;

const seqpacket::Operations& operations() {
  static const seqpacket::Operations kAll{
      {"EnsureFunctionInterface",
       {{"account", Kind::kText},
        {"user", Kind::kText},
        {"subnets", Kind::kTexts},
        {"groups", Kind::kTexts}}},
      {"ReleaseFunctionInterface", {{"account", Kind::kText}, {"user", Kind::kText}}},
      {"ListFunctionInterfaces", {}},
      {"LeaseSlot", {}},
      {"Attach", {{"slot", Kind::kNumber}, {"eni", Kind::kText}}},
      {"Seal", {{"slot", Kind::kNumber}}},
      {"Unseal", {{"slot", Kind::kNumber}}},
      {"Detach", {{"slot", Kind::kNumber}}},
      {"ReturnSlot", {{"slot", Kind::kNumber}}},
      {"Resume", {{"slot", Kind::kNumber}, {"generation", Kind::kNumber}}},
      {"SigningKey",
       {{"access_key_id", Kind::kText},
        {"date", Kind::kText},
        {"region", Kind::kText},
        {"service", Kind::kText}}},
      {"SessionCredentials",
       {{"account", Kind::kText}, {"function", Kind::kText}, {"seconds", Kind::kNumber}}},
      {"AwaitRevocation", {{"seen", Kind::kNumber}}}};
  return kAll;
}

}  // namespace

std::optional<nlohmann::json> decode_request(std::string_view bytes) {
  return seqpacket::decode(bytes, operations());
}

}  // namespace caisson::netd::attach

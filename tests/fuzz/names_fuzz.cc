// Texts with a meaning of their own: addresses, blocks, ids, function names, base64.
#include "base/ipv4.hh"
#include "base/mac.hh"
#include "runner/functions/base64.hh"
#include "runner/functions/function_name.hh"
#include "runner/unzip/paths.hh"
#include "tests/fuzz/fuzz.hh"
#include "vpc/model/ids.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace caisson;
  const auto text = fuzz::view(data, size);
  if (const auto address = Ipv4Address::parse(text)) REQUIRE(address->text() == text);
  if (const auto block = Ipv4Cidr::parse(text)) REQUIRE(Ipv4Cidr::parse(block->text()) == block);
  if (const auto mac = MacAddress::parse(text)) REQUIRE(MacAddress::parse(mac->text()) == mac);
  if (const auto id = vpc::VpcId::parse(text)) REQUIRE(id->text() == text);
  if (const auto id = vpc::SecurityGroupId::parse(text)) REQUIRE(id->text() == text);
  if (const auto bytes = runner::decode_base64(text)) {
    // Bits that stand for nothing may be set.
    REQUIRE(runner::decode_base64(runner::encode_base64(*bytes)) == bytes);
  }
  if (const auto name = runner::parse_function_name(text))
    REQUIRE(runner::is_function_name(name.value().name));
  if (runner::is_inner_path(text)) REQUIRE(text.find("..") == std::string_view::npos || text.size() > 2);
  auto rest = text;
  const auto link = fuzz::take_until(rest, '\n');
  if (runner::is_inner_link(link, rest)) REQUIRE(!rest.starts_with('/'));
  return 0;
}

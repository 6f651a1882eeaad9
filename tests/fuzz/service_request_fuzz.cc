// A guest's request to a service: "METHOD TARGET", headers one a line, an empty line, the body. What is read of it is
// what policies judge, so that it must be whole.
#include <fstream>
#include <iterator>

#include "endpoints/model/read_request.hh"
#include "tests/fuzz/fuzz.hh"

namespace {

using namespace caisson;

endpoints::Service service_of(const std::string& name) {
  std::ifstream file(CAISSON_SERVICES + name + ".json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto service = endpoints::parse_service(text, "us-east-1");
  REQUIRE(service.has_value());
  return std::move(service).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const endpoints::Service kS3 = service_of("s3");
  static const endpoints::Service kDynamoDb = service_of("dynamodb");
  auto rest = fuzz::view(data, size);
  auto line = fuzz::take_until(rest, '\n');
  endpoints::RequestHead head;
  head.method = std::string(fuzz::take_until(line, ' '));
  head.target = std::string(line);
  while (!rest.empty() && !(line = fuzz::take_until(rest, '\n')).empty()) {
    const std::string name(fuzz::take_until(line, ':'));
    head.headers[name] = std::string(line);
  }
  for (const char* host : {"s3.us-east-1.amazonaws.com", "photos.s3.us-east-1.amazonaws.com"}) {
    head.host = host;
    const auto reading = endpoints::read_request(kS3, head, rest, {"us-east-1", "111122223333"});
    if (!reading) continue;
    REQUIRE(!reading.value().accesses.empty());
    for (const auto& access : reading.value().accesses) {
      REQUIRE(access.action.starts_with("s3:") && access.resource.starts_with("arn:aws:s3:::"));
      REQUIRE(access.resource.find("/../") == std::string::npos);
    }
  }
  head.host = "dynamodb.us-east-1.amazonaws.com";
  if (const auto reading = endpoints::read_request(kDynamoDb, head, rest, {"us-east-1", "111122223333"})) {
    REQUIRE(!reading.value().accesses.empty());
  }
  return 0;
}

#include "runner/invoke/ca_certificate.hh"

#include <cerrno>
#include <fstream>
#include <iterator>

#include "vmm/agent_protocol.hh"

namespace caisson::runner {

namespace {

Status add(const std::string& path, std::string& all) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error::system(errno, "open", path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto refuse = [&](const std::string& why) {
    return Error{.code = "BadCaCertificate", .message = path + " " + why + "; give a certificate in PEM"};
  };
  if (all.size() + text.size() >= vmm::agent::kMaxCertificateBytes)
    return refuse("is longer than a certificate");
  if (text.find("PRIVATE KEY-----") != std::string::npos) return refuse("holds a private key");
  if (text.find("-----BEGIN CERTIFICATE-----") == std::string::npos) return refuse("holds no certificate");
  // A last line may lack its end.
  all += text + "\n";
  return ok();
}

}  // namespace

Result<std::string> read_ca_certificates(const std::vector<std::string>& paths) {
  std::string all;
  for (const auto& path : paths) {
    TRYV(add(path, all));
  }
  return all;
}

}  // namespace caisson::runner

#include "runner/invoke/ca_certificate.hh"

#include <cerrno>
#include <fstream>
#include <iterator>

#include "vmm/agent_protocol.hh"

namespace caisson::runner {

Result<std::string> read_ca_certificate(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error::system(errno, "open", path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto refuse = [&](const std::string& why) {
    return Error{.code = "BadCaCertificate", .message = path + " " + why + "; give a certificate in PEM"};
  };
  if (text.size() > vmm::agent::kMaxCertificateBytes) return refuse("is longer than a certificate");
  if (text.find("PRIVATE KEY-----") != std::string::npos) return refuse("holds a private key");
  if (text.find("-----BEGIN CERTIFICATE-----") == std::string::npos) return refuse("holds no certificate");
  return text;
}

}  // namespace caisson::runner

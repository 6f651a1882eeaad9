// The certificate authority that guests trust beside those in their images.
#pragma once

#include <string>
#include <vector>

#include "base/result.hh"

namespace caisson::runner {

/// The files' texts, PEM, one after the other. Errors: the system's if one can't be read; "BadCaCertificate" if it holds
/// no certificate or a private key, which no function may see, or all more than vmm::agent::kMaxCertificateBytes.
Result<std::string> read_ca_certificates(const std::vector<std::string>& paths);

}  // namespace caisson::runner

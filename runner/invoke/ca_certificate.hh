// The certificate authority that guests trust beside those in their images.
#pragma once

#include <string>

#include "base/result.hh"

namespace caisson::runner {

/// The file's text, PEM; empty for an empty `path`. Errors: the system's if it can't be read; "BadCaCertificate" if it holds
/// no certificate, more than vmm::agent::kMaxCertificateBytes, or a private key, which no function may see.
Result<std::string> read_ca_certificate(const std::string& path);

}  // namespace caisson::runner

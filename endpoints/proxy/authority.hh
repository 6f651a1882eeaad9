// The certificate authority of this host's endpoints: made at the first start, trusted by guest images, and used for one
// certificate that bears the services' names.
#pragma once

#include <string>
#include <vector>

#include "base/result.hh"

namespace caisson::endpoints {

/// PEM texts.
struct Certificate {
  std::string certificate;
  std::string key;
};

/// Reads `folder`/ca.pem and `folder`/ca.key, or makes both there (the key with mode 0600), for ten years.
/// Errors: CertificateAuthority for files that are not ours alone, don't belong together or can't be read; those of the
/// system calls.
Result<Certificate> open_authority(const std::string& folder);

/// A new key and its certificate for `names` ("*.x" stands for one label), for a year. Error CertificateAuthority.
Result<Certificate> issue(const Certificate& authority, const std::vector<std::string>& names);

}  // namespace caisson::endpoints

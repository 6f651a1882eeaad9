// The guest images of this host.
#pragma once

#include <map>
#include <string>

#include "base/result.hh"
#include "runner/functions/request.hh"

namespace caisson::runner {

struct Images {
  std::string kernel;
  std::string initrd;
  std::map<std::string, std::string> runtimes;  ///< "python3.11" to the path of its root file system

  [[nodiscard]] Offer offer() const;
};

/// `folder` has vmlinux, initrd.cpio.gz and NAME.squashfs for each runtime; those with a name that Lambda has
/// (python3.11, nodejs18.x, provided*) are offered. Errors: "ImagesMissing" without kernel or initrd.
Result<Images> find_images(const std::string& folder);

}  // namespace caisson::runner

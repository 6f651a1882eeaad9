// The one error type of Caisson.
//
// Pure code fills `code` with the EC2 or Lambda error code that the caller will see ("InvalidVpcID.NotFound").
// Code that talks to the kernel makes its errors with Error::system(); their code is the errno's name
// ("ENOENT") and netd/api maps them to InternalError in one table.
#pragma once

#include <string>
#include <utility>

namespace caisson {

struct Error {
  std::string code;     ///< EC2/Lambda error code, or the name of an errno.
  std::string message;  ///< One sentence that tells the caller what was wrong and what to change.
  int errno_value = 0;  ///< The errno of a failed system call, 0 for all else.

  /// An error of a system call: `operation` is the verb ("open"), `object` what it was done to ("tap cs0007").
  static Error system(int errno_value, const std::string& operation, const std::string& object);

  /// The same error with the outer operation in front of its message.
  Error within(const std::string& operation) &&;

  /// "code: message", for logs.
  [[nodiscard]] std::string text() const { return code + ": " + message; }

  bool operator==(const Error&) const = default;
};

}  // namespace caisson

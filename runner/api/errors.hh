// Lambda's errors on the wire ("Lambda API reference, Common errors"): status, header, body.
#pragma once

#include "base/error.hh"
#include "runner/api/http.hh"

namespace caisson::runner {

/// Codes that are none of Lambda's (an errno's name, ...) become ServiceException with a message that keeps the
/// inside inside; the caller logs the original.
HttpResponse error_response(const Error& error);

}  // namespace caisson::runner

// A request's body on its way to the backend: decoded, and held against what the signature says of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hh"
#include "endpoints/proxy/aws_chunked.hh"

namespace caisson::endpoints {

/// What comes out is whole only when all of it has been checked: the last byte is held until then. Not thread-safe.
class BodyCheck {
 public:
  /// UNSIGNED-PAYLOAD: as it comes.
  static BodyCheck unsigned_body() { return BodyCheck(Unsigned{}); }
  /// Of `length` bytes whose SHA-256 is `sha256` (64 digits).
  static BodyCheck hashed(std::string sha256, std::uint64_t length);
  static BodyCheck chunked(ChunkDecoder decoder) { return BodyCheck(std::move(decoder)); }

  /// Errors: XAmzContentSHA256Mismatch, and ChunkDecoder::feed()'s.
  Status feed(std::string_view bytes, std::string& content);
  /// The client's message is over: error IncompleteBody when the content is not.
  Status finish();

 private:
  struct Unsigned {};
  struct Hashed {
    std::string sha256;
    std::uint64_t left = 0;
    sigv4::Hasher hasher;
  };
  using How = std::variant<Unsigned, Hashed, ChunkDecoder>;
  explicit BodyCheck(How how) : how_(std::move(how)) {}
  How how_;
};

}  // namespace caisson::endpoints

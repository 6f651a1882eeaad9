// Bodies in the content coding "aws-chunked", decoded and held against their signatures as they come.
//
// Source: Amazon S3 API Reference, "Signature calculations for the Authorization header: Transferring payload in multiple
// chunks" and the same "including trailing headers". A chunk is its size in hexadecimal digits, perhaps
// ";chunk-signature=" and 64 digits, CRLF, the data, CRLF; the last one has size 0 and is followed by the trailer's lines
// and an empty one. A chunk's signature is over the one before it, the first one's over the request's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hh"
#include "base/sigv4/digest.hh"

namespace caisson::endpoints {

enum class ChunkForm : unsigned char {
  kSigned,           ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD
  kSignedTrailer,    ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
  kUnsignedTrailer,  ///< STREAMING-UNSIGNED-PAYLOAD-TRAILER
};

/// What x-amz-content-sha256 says, or nothing for any other value.
std::optional<ChunkForm> chunk_form(std::string_view content_sha256);

/// What the chunks' signatures go on from.
struct ChunkSigning {
  sigv4::SigningKey key;
  sigv4::Scope scope;
  std::string time;       ///< "20260131T235959Z"
  std::string signature;  ///< the request's
};

/// Holds a line at most of what it was fed, and the last byte of the content until all has been checked: who passes on what
/// comes out passes on nothing whole that is not as it was signed. After an error it is of no use. Not thread-safe.
class ChunkDecoder {
 public:
  /// `content_length`: x-amz-decoded-content-length. `signing` is not looked at for kUnsignedTrailer.
  ChunkDecoder(ChunkForm form, ChunkSigning signing, std::uint64_t content_length);

  /// Appends the content in `bytes` to `content`. Errors: SignatureDoesNotMatch for a chunk or the trailer;
  /// InvalidChunkSizeError, IncompleteBody and InvalidRequest for what is not of the form or not of the length.
  Status feed(std::string_view bytes, std::string& content);

  [[nodiscard]] bool done() const { return state_ == State::kDone; }

 private:
  enum class State : unsigned char { kSize, kData, kDataEnd, kTrailer, kDone };

  Status take_line(std::string_view& bytes, bool& whole);
  Status begin_chunk();
  Status end_chunk();
  Status on_trailer_line();
  Status finish(std::string& content);
  void take_data(std::string_view& bytes, std::string& content);
  Status check(std::string_view algorithm, const std::string& hashes, std::string_view signature);
  [[nodiscard]] bool is_signed() const { return form_ != ChunkForm::kUnsignedTrailer; }

  ChunkForm form_;
  ChunkSigning signing_;
  std::uint64_t content_left_;
  State state_ = State::kSize;
  std::string line_;
  std::size_t trailer_bytes_ = 0;
  std::uint64_t chunk_left_ = 0;
  std::string chunk_signature_;
  bool last_chunk_ = false;
  sigv4::Hasher chunk_;
  std::string trailer_;  ///< as it is signed
  std::string trailer_signature_;
  std::string held_;  ///< the content's last byte
};

}  // namespace caisson::endpoints

#include "endpoints/proxy/aws_chunked.hh"

#include <algorithm>
#include <charconv>

namespace caisson::endpoints {
namespace {

/// Sizes, signatures and checksums are a tenth of it.
constexpr std::size_t kLongestLine = 1024;
constexpr std::size_t kLongestTrailer = 4096;
constexpr std::string_view kSignatureName = "chunk-signature=";
constexpr std::string_view kTrailerSignatureName = "x-amz-trailer-signature";

Error malformed(const std::string& message) {
  return {.code = "InvalidChunkSizeError", .message = message};
}

Error incomplete() {
  return {.code = "IncompleteBody",
          .message =
              "You did not provide the number of bytes specified by the x-amz-decoded-content-length header"};
}

}  // namespace

std::optional<ChunkForm> chunk_form(std::string_view content_sha256) {
  if (content_sha256 == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") return ChunkForm::kSigned;
  if (content_sha256 == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") return ChunkForm::kSignedTrailer;
  if (content_sha256 == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") return ChunkForm::kUnsignedTrailer;
  return std::nullopt;
}

ChunkDecoder::ChunkDecoder(ChunkForm form, ChunkSigning signing, std::uint64_t content_length)
    : form_(form), signing_(std::move(signing)), content_left_(content_length) {}

Status ChunkDecoder::feed(std::string_view bytes, std::string& content) {
  while (!bytes.empty()) {
    if (state_ == State::kDone)
      return Error{.code = "InvalidRequest", .message = "bytes after the last chunk"};
    if (state_ == State::kData) {
      take_data(bytes, content);
      continue;
    }
    bool whole = false;
    TRYV(take_line(bytes, whole));
    if (!whole) return ok();
    if (state_ == State::kSize) {
      TRYV(begin_chunk());
    } else if (state_ == State::kDataEnd) {
      TRYV(end_chunk());
    } else if (!line_.empty()) {
      TRYV(on_trailer_line());
    } else {
      TRYV(finish(content));
    }
    line_.clear();
  }
  return ok();
}

/// Up to CRLF; `line_` is without it when `whole`.
Status ChunkDecoder::take_line(std::string_view& bytes, bool& whole) {
  while (!bytes.empty() && !whole) {
    line_ += bytes.front();
    bytes.remove_prefix(1);
    whole = line_.ends_with("\r\n");
    if (line_.size() > kLongestLine) return malformed("a line among the chunks is too long");
  }
  if (whole) line_.resize(line_.size() - 2);
  return ok();
}

Status ChunkDecoder::begin_chunk() {
  const std::string_view line = line_;
  const auto end = std::min(line.find(';'), line.size());
  const auto size = line.substr(0, end);
  const auto read = std::from_chars(size.data(), size.data() + size.size(), chunk_left_, 16);
  if (size.empty() || read.ec != std::errc() || read.ptr != size.data() + size.size()) {
    return malformed("a chunk's size must be hexadecimal digits");
  }
  if (chunk_left_ > content_left_) return incomplete();
  auto extension = line.substr(std::min(end + 1, line.size()));
  const bool named = extension.starts_with(kSignatureName);
  if (named != is_signed() || (!named && end != line.size())) {
    return malformed("a chunk's size must be followed by its signature, if and only if it is signed");
  }
  if (named) extension.remove_prefix(kSignatureName.size());
  chunk_signature_ = extension;
  last_chunk_ = chunk_left_ == 0;
  state_ = last_chunk_ ? State::kTrailer : State::kData;
  return last_chunk_ ? end_chunk() : ok();
}

void ChunkDecoder::take_data(std::string_view& bytes, std::string& content) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), chunk_left_));
  auto piece = bytes.substr(0, size);
  bytes.remove_prefix(size);
  if (is_signed()) chunk_.add(piece);
  chunk_left_ -= size;
  content_left_ -= size;
  if (chunk_left_ == 0) state_ = State::kDataEnd;
  if (content_left_ == 0) {
    held_ = piece.back();
    piece.remove_suffix(1);
  }
  content += piece;
}

Status ChunkDecoder::end_chunk() {
  if (!last_chunk_ && !line_.empty()) return malformed("a chunk is longer than it says");
  if (is_signed()) {
    static const std::string kNothing = sigv4::sha256_hex("");
    TRYV(check("AWS4-HMAC-SHA256-PAYLOAD", kNothing + "\n" + sigv4::hex(chunk_.take()), chunk_signature_));
  }
  if (last_chunk_ && content_left_ != 0) return incomplete();
  state_ = last_chunk_ ? State::kTrailer : State::kSize;
  return ok();
}

Status ChunkDecoder::on_trailer_line() {
  trailer_bytes_ += line_.size();
  const std::string_view line = line_;
  const auto colon = line.find(':');
  const bool allowed = form_ != ChunkForm::kSigned && trailer_signature_.empty();
  if (!allowed || colon == std::string_view::npos || colon == 0 || trailer_bytes_ > kLongestTrailer) {
    return Error{.code = "MalformedTrailerError", .message = "The trailer is not as it should be."};
  }
  // Some clients end a line by LF, and then by CRLF.
  auto value = line.substr(colon + 1);
  while (value.ends_with('\n') || value.ends_with(' '))
    value.remove_suffix(1);
  while (value.starts_with(' '))
    value.remove_prefix(1);
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (name == kTrailerSignatureName) {
    trailer_signature_ = value;
  } else {
    trailer_ += name + ":" + std::string(value) + "\n";
  }
  return ok();
}

Status ChunkDecoder::finish(std::string& content) {
  if (form_ == ChunkForm::kSignedTrailer) {
    TRYV(check("AWS4-HMAC-SHA256-TRAILER", sigv4::sha256_hex(trailer_), trailer_signature_));
  }
  state_ = State::kDone;
  content += held_;
  return ok();
}

Status ChunkDecoder::check(std::string_view algorithm, const std::string& hashes,
                           std::string_view signature) {
  auto wanted = signing_.key.sign(std::string(algorithm) + "\n" + signing_.time + "\n" +
                                  signing_.scope.text() + "\n" + signing_.signature + "\n" + hashes);
  if (!sigv4::equal_in_constant_time(wanted, signature)) {
    return Error{.code = "SignatureDoesNotMatch",
                 .message = "The signature of a chunk is not the one that we calculated."};
  }
  signing_.signature = std::move(wanted);
  return ok();
}

}  // namespace caisson::endpoints

#include "endpoints/proxy/body_check.hh"

#include "base/sigv4/refusal.hh"

namespace caisson::endpoints {
namespace {

Error incomplete() {
  return {.code = "IncompleteBody", .message = "The request body terminated unexpectedly"};
}

}  // namespace

BodyCheck BodyCheck::hashed(std::string sha256, std::uint64_t length) {
  return BodyCheck(Hashed{.sha256 = std::move(sha256), .left = length, .hasher = {}});
}

Status BodyCheck::feed(std::string_view bytes, std::string& content) {
  if (auto* decoder = std::get_if<ChunkDecoder>(&how_)) return decoder->feed(bytes, content);
  auto* hashed = std::get_if<Hashed>(&how_);
  if (hashed != nullptr) {
    if (bytes.size() > hashed->left) return incomplete();
    hashed->hasher.add(bytes);
    hashed->left -= bytes.size();
    // The last piece goes on only if the whole is what was signed.
    if (hashed->left == 0 && sigv4::hex(hashed->hasher.take()) != hashed->sha256) {
      return sigv4::refusal(sigv4::Dialect::kS3, sigv4::Fault::kPayload, "");
    }
  }
  content += bytes;
  return ok();
}

Status BodyCheck::finish() {
  const auto* decoder = std::get_if<ChunkDecoder>(&how_);
  const auto* hashed = std::get_if<Hashed>(&how_);
  const bool whole = (decoder == nullptr || decoder->done()) && (hashed == nullptr || hashed->left == 0);
  if (!whole) return incomplete();
  return ok();
}

}  // namespace caisson::endpoints

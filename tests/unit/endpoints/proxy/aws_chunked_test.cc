#include "endpoints/proxy/aws_chunked.hh"

#include <gtest/gtest.h>

namespace caisson::endpoints {
namespace {

// The example of "Transferring payload in multiple chunks": 65 KiB of "a" in chunks of 64 KiB, signed by the documented
// key at the documented time, with the documented signatures.
constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr const char* kSeed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
constexpr const char* kFirst = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
constexpr const char* kSecond = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497";
constexpr const char* kLast = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";

ChunkSigning signing() {
  const sigv4::Scope scope{.date = "20130524", .region = "us-east-1", .service = "s3"};
  return {.key = sigv4::SigningKey::derive(kSecret, scope),
          .scope = scope,
          .time = "20130524T000000Z",
          .signature = kSeed};
}

std::string chunk(std::size_t size, char letter, const std::string& signature) {
  std::string digits;
  for (std::size_t rest = size; rest != 0; rest /= 16)
    digits.insert(digits.begin(), "0123456789abcdef"[rest % 16]);
  return (size == 0 ? "0" : digits) + ";chunk-signature=" + signature + "\r\n" + std::string(size, letter) +
         "\r\n";
}

std::string documented() {
  return chunk(65536, 'a', kFirst) + chunk(1024, 'a', kSecond) + chunk(0, 'a', kLast);
}

struct Decoded {
  std::string content;
  std::string code;
  bool done = false;
};

/// Fed in pieces of `step` bytes, until an error.
Decoded decode(const std::string& body, std::uint64_t length, ChunkForm form = ChunkForm::kSigned,
               std::size_t step = 1000) {
  ChunkDecoder decoder(form, signing(), length);
  Decoded decoded;
  for (std::size_t at = 0; at < body.size() && decoded.code.empty(); at += step) {
    const Status fed = decoder.feed(std::string_view(body).substr(at, step), decoded.content);
    if (!fed) decoded.code = fed.error().code;
  }
  decoded.done = decoder.done();
  return decoded;
}

TEST(ChunkDecoder, TakesTheDocumentedExampleInPiecesOfAnySize) {
  for (const std::size_t step : {1U, 7U, 1000U, 1U << 20}) {
    const auto decoded = decode(documented(), 66560, ChunkForm::kSigned, step);
    EXPECT_EQ(decoded.code, "");
    EXPECT_TRUE(decoded.done);
    EXPECT_EQ(decoded.content, std::string(66560, 'a'));
  }
}

TEST(ChunkDecoder, GivesOutNothingWholeThatIsNotSigned) {
  const std::string body = documented();
  const auto refused = [](const std::string& changed) {
    const auto decoded = decode(changed, 66560);
    EXPECT_FALSE(decoded.done);
    EXPECT_LT(decoded.content.size(), 66560U);
    return decoded.code;
  };
  for (const std::size_t at : {std::size_t{100}, std::size_t{65000}, body.size() - 200}) {
    std::string changed = body;
    changed.at(at) = 'b';
    EXPECT_EQ(refused(changed), "SignatureDoesNotMatch") << at;
  }
  // The last chunk says that there is no more; without its signature the rest could have been cut off.
  std::string last = body;
  last.at(last.rfind('9')) = '8';
  EXPECT_EQ(refused(last), "SignatureDoesNotMatch");
  // Chunks in another order, one left out, one twice.
  EXPECT_EQ(refused(chunk(1024, 'a', kSecond) + chunk(65536, 'a', kFirst) + chunk(0, 'a', kLast)),
            "SignatureDoesNotMatch");
  EXPECT_EQ(refused(chunk(65536, 'a', kFirst) + chunk(0, 'a', kLast)), "SignatureDoesNotMatch");
  EXPECT_EQ(refused(chunk(65536, 'a', kFirst) + chunk(65536, 'a', kFirst)), "IncompleteBody");
  // All the content, but no last chunk.
  const auto cut = decode(chunk(65536, 'a', kFirst) + chunk(1024, 'a', kSecond), 66560);
  EXPECT_EQ(cut.content.size(), 66559U);
  EXPECT_FALSE(cut.done);
}

TEST(ChunkDecoder, HoldsTheLengthThatWasAnnounced) {
  EXPECT_EQ(decode(documented(), 66559).code, "IncompleteBody");
  EXPECT_EQ(decode(documented(), 66561).code, "IncompleteBody");
}

TEST(ChunkDecoder, RefusesWhatIsNotOfTheForm) {
  const struct {
    const char* name;
    std::string body;
    ChunkForm form;
    const char* code;
  } cases[] = {
      {"no digits", "x\r\n", ChunkForm::kUnsignedTrailer, "InvalidChunkSizeError"},
      {"no size", "\r\n", ChunkForm::kUnsignedTrailer, "InvalidChunkSizeError"},
      {"negative", "-1\r\n", ChunkForm::kUnsignedTrailer, "InvalidChunkSizeError"},
      {"too large for 64 bits", "10000000000000000\r\n", ChunkForm::kUnsignedTrailer,
       "InvalidChunkSizeError"},
      {"more than announced", "6\r\n", ChunkForm::kUnsignedTrailer, "IncompleteBody"},
      {"unsigned where signed", "5\r\n", ChunkForm::kSigned, "InvalidChunkSizeError"},
      {"another extension", "5;x=1\r\n", ChunkForm::kUnsignedTrailer, "InvalidChunkSizeError"},
      {"longer than it says", "5\r\nhello!\r\n", ChunkForm::kUnsignedTrailer, "InvalidChunkSizeError"},
      {"an endless line", std::string(2000, '1'), ChunkForm::kUnsignedTrailer, "InvalidChunkSizeError"},
      {"a trailer without a name", "5\r\nhello\r\n0\r\n:x\r\n", ChunkForm::kUnsignedTrailer,
       "MalformedTrailerError"},
      {"bytes after the end", "5\r\nhello\r\n0\r\n\r\nx", ChunkForm::kUnsignedTrailer, "InvalidRequest"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(decode(c.body, 5, c.form).code, c.code) << c.name;
}

TEST(ChunkDecoder, TakesTrailersSignedAndUnsigned) {
  const auto plain =
      decode("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", 5, ChunkForm::kUnsignedTrailer, 1);
  EXPECT_EQ(plain.code, "");
  EXPECT_TRUE(plain.done);
  EXPECT_EQ(plain.content, "hello");
  // The example of "including trailing headers".
  ChunkSigning first = signing();
  first.signature = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
  const std::string body =
      chunk(65536, 'a', "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2") +
      chunk(1024, 'a', "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7") +
      "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
      "x-amz-checksum-crc32c:sOO8/Q==\n\r\n"
      "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
  for (const bool changed : {false, true}) {
    std::string sent = body;
    if (changed) sent.replace(sent.find("sOO8"), 4, "sOO9");
    ChunkDecoder decoder(ChunkForm::kSignedTrailer, first, 66560);
    std::string content;
    const Status fed = decoder.feed(sent, content);
    EXPECT_EQ(fed ? "" : fed.error().code, changed ? "SignatureDoesNotMatch" : "");
    EXPECT_EQ(decoder.done(), !changed);
    EXPECT_EQ(content.size(), changed ? 66559U : 66560U);
  }
}

}  // namespace
}  // namespace caisson::endpoints

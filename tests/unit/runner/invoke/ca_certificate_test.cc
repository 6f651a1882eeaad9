#include "runner/invoke/ca_certificate.hh"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/hex.hh"

namespace caisson::runner {
namespace {

constexpr const char* kCertificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

class CaCertificate : public testing::Test {
 protected:
  ~CaCertificate() override { std::filesystem::remove(path_); }

  Result<std::string> read(const std::string& text) {
    std::ofstream(path_) << text;
    return read_ca_certificates({path_});
  }

  const std::string path_ =
      (std::filesystem::temp_directory_path() / ("caisson-ca-" + random_hex())).string();
};

TEST_F(CaCertificate, IsReadAsItIs) {
  EXPECT_EQ(read(kCertificate).value(), std::string(kCertificate) + "\n");
  EXPECT_EQ(read(std::string("A comment\n") + kCertificate + kCertificate).value().substr(0, 9), "A comment");
}

TEST_F(CaCertificate, MayBeSeveral) {
  std::ofstream(path_) << kCertificate;
  EXPECT_EQ(read_ca_certificates({path_, path_}).value(),
            std::string(kCertificate) + "\n" + kCertificate + "\n");
}

TEST_F(CaCertificate, IsNoneWithoutAFile) {
  EXPECT_EQ(read_ca_certificates({}).value(), "");
  EXPECT_NE(read_ca_certificates({path_}).error().text().find(path_), std::string::npos);
}

TEST_F(CaCertificate, IsRefusedIfItIsSomethingElse) {
  EXPECT_EQ(read("").error().code, "BadCaCertificate");
  EXPECT_EQ(read("MIIB").error().code, "BadCaCertificate");
  EXPECT_EQ(read(kCertificate + std::string(64 * 1024, ' ')).error().code, "BadCaCertificate");
}

TEST_F(CaCertificate, MayHoldNoPrivateKey) {
  for (const char* kind : {"", "RSA ", "EC ", "ENCRYPTED "}) {
    const std::string key = std::string("-----BEGIN ") + kind + "PRIVATE KEY-----\nMIIB\n";
    EXPECT_NE(read(kCertificate + key).error().text().find("private key"), std::string::npos) << kind;
  }
}

}  // namespace
}  // namespace caisson::runner

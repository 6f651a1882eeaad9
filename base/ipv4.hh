// IPv4 addresses and blocks as values. Host byte order everywhere in C++; network order exists only in the
// structs of netd/bpf/caisson_abi.h and is made by one function there.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caisson {

/// An IPv4 address. `value` is in host byte order: 10.0.0.1 is 0x0a000001.
struct Ipv4Address {
  std::uint32_t value = 0;

  /// Dotted quad only, no leading zeros (RFC 6943 section 3.1.1, "strict" form); nothing else.
  static std::optional<Ipv4Address> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  auto operator<=>(const Ipv4Address&) const = default;
};

/// A block "a.b.c.d/n". Host bits are always zero.
class Ipv4Cidr {
 public:
  Ipv4Cidr() = default;
  /// Clears the host bits, as EC2 does with the CIDRs it is given. `length` must be 0..32.
  Ipv4Cidr(Ipv4Address address, int length);

  /// "10.0.0.0/16"; the length is required. Host bits that are set are cleared (EC2: "canonical CIDR").
  static std::optional<Ipv4Cidr> parse(std::string_view text);

  [[nodiscard]] Ipv4Address base() const { return base_; }
  [[nodiscard]] int length() const { return length_; }
  [[nodiscard]] Ipv4Address last() const { return {base_.value | ~mask()}; }
  /// Number of addresses, 2^(32-length).
  [[nodiscard]] std::uint64_t size() const { return std::uint64_t{1} << (32 - length_); }
  [[nodiscard]] std::uint32_t mask() const { return length_ == 0 ? 0 : ~std::uint32_t{0} << (32 - length_); }
  [[nodiscard]] bool contains(Ipv4Address address) const { return (address.value & mask()) == base_.value; }
  [[nodiscard]] bool contains(const Ipv4Cidr& other) const {
    return other.length_ >= length_ && contains(other.base_);
  }
  [[nodiscard]] bool overlaps(const Ipv4Cidr& other) const {
    return contains(other) || other.contains(*this);
  }
  [[nodiscard]] std::string text() const;
  auto operator<=>(const Ipv4Cidr&) const = default;

 private:
  Ipv4Address base_;
  int length_ = 0;
};

}  // namespace caisson

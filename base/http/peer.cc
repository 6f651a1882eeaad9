#include "base/http/peer.hh"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace caisson::http {
namespace {

/// The group of the socket's file, if it may write.
std::optional<gid_t> operators_group(int connection) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(connection, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  const std::string path(address.sun_path, ::strnlen(address.sun_path, sizeof address.sun_path));
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) return std::nullopt;
  if (!S_ISSOCK(status.st_mode) || (status.st_mode & S_IWGRP) == 0) return std::nullopt;
  return status.st_gid;
}

std::vector<gid_t> groups_of_peer(int connection) {
  std::vector<gid_t> groups(64);
  while (true) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE) return {};
    groups.resize(size / sizeof(gid_t));  // the kernel said how many there are
  }
}

}  // namespace

bool is_operator(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
  const auto group = operators_group(connection);
  if (!group) return false;
  const auto groups = groups_of_peer(connection);
  return peer.gid == *group || std::find(groups.begin(), groups.end(), *group) != groups.end();
}

}  // namespace caisson::http

#include "netd/kernel/netlink/filters.hh"

#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "netd/kernel/netns.hh"

namespace caisson::netd::kernel {
namespace {

constexpr std::size_t kBatch = 256;
/// The answers to a batch, which the kernel gives before the request's system call returns; some KiB each at most.
constexpr int kReceiveBuffer = 8 << 20;
constexpr timeval kPatience = {.tv_sec = 10, .tv_usec = 0};

struct Question {
  nlmsghdr header;
  tcmsg place;
  rtattr kind;
  std::array<char, 4> bpf;
};

/// `number` comes back with the answer.
Question question_of(const FilterPlace& asked, std::size_t number) {
  Question made{};
  made.header.nlmsg_len = sizeof made;
  made.header.nlmsg_type = RTM_GETTFILTER;
  made.header.nlmsg_flags = NLM_F_REQUEST;
  made.header.nlmsg_seq = static_cast<std::uint32_t>(number);
  made.place.tcm_family = AF_UNSPEC;
  made.place.tcm_ifindex = static_cast<int>(asked.ifindex);
  made.place.tcm_handle = asked.handle;
  made.place.tcm_parent = TC_H_MAKE(TC_H_CLSACT, asked.egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
  made.place.tcm_info = TC_H_MAKE(static_cast<std::uint32_t>(asked.priority) << 16U, htons(ETH_P_ALL));
  made.kind = {.rta_len = RTA_LENGTH(sizeof made.bpf), .rta_type = TCA_KIND};
  made.bpf = {'b', 'p', 'f', '\0'};
  return made;
}

/// The attribute's content, or nothing.
std::string_view attribute(std::string_view attributes, unsigned short type) {
  while (attributes.size() >= sizeof(rtattr)) {
    rtattr head{};
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > attributes.size()) return {};
    if ((head.rta_type & NLA_TYPE_MASK) == type)
      return attributes.substr(RTA_LENGTH(0), head.rta_len - RTA_LENGTH(0));
    attributes.remove_prefix(std::min<std::size_t>(RTA_ALIGN(head.rta_len), attributes.size()));
  }
  return {};
}

/// Of an answer of RTM_NEWTFILTER.
std::uint32_t program_of(std::string_view message) {
  if (message.size() < NLMSG_LENGTH(sizeof(tcmsg))) return 0;
  const auto options = attribute(message.substr(NLMSG_LENGTH(sizeof(tcmsg))), TCA_OPTIONS);
  const auto id = attribute(options, TCA_BPF_ID);
  std::uint32_t program = 0;
  if (id.size() == sizeof program) std::memcpy(&program, id.data(), sizeof program);
  return program;
}

}  // namespace

Result<Filters> Filters::open_in(const Fd& netns) {
  Fd socket;
  TRYV(in_netns(netns, [&]() -> Status {
    socket = Fd::own(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!socket) return Error::system(errno, "open", "a netlink socket");
    return ok();
  }));
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0) {
    return Error::system(errno, "set up", "a netlink socket");
  }
  return Filters(std::move(socket));
}

Status Filters::ask(const std::vector<FilterPlace>& places, std::size_t first, std::size_t end) {
  std::vector<Question> questions;
  questions.reserve(end - first);
  for (std::size_t at = first; at < end; ++at) {
    questions.push_back(question_of(places[at], at));
  }
  if (::send(socket_.get(), questions.data(), questions.size() * sizeof(Question), 0) < 0) {
    return Error::system(errno, "ask for", "filters");
  }
  return ok();
}

/// What an earlier call left unread has other numbers.
Status Filters::receive(std::size_t first, std::size_t end, std::vector<std::uint32_t>& programs) {
  std::array<char, 16384> bytes;
  for (std::size_t left = end - first; left > 0;) {
    const ssize_t size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error::system(errno, "read", "filters");
    std::string_view rest(bytes.data(), static_cast<std::size_t>(size));
    while (rest.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header{};
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) break;
      if (header.nlmsg_seq >= first && header.nlmsg_seq < end) {
        // An error is the answer for a device, a qdisc or a filter that is not there.
        if (header.nlmsg_type == RTM_NEWTFILTER)
          programs[header.nlmsg_seq] = program_of(rest.substr(0, header.nlmsg_len));
        --left;
      }
      rest.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), rest.size()));
    }
  }
  return ok();
}

Result<std::vector<std::uint32_t>> Filters::programs_at(const std::vector<FilterPlace>& places) {
  std::vector<std::uint32_t> programs(places.size(), 0);
  for (std::size_t first = 0; first < places.size(); first += kBatch) {
    const std::size_t end = std::min(places.size(), first + kBatch);
    TRYV(ask(places, first, end));
    TRYV(receive(first, end, programs));
  }
  return programs;
}

}  // namespace caisson::netd::kernel

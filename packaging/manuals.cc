#include "packaging/manuals.hh"

#include <utility>

#include "base/version.hh"

namespace caisson::packaging {
namespace {

/// Of the last change to what stands here.
constexpr const char* kDate = "2026-11-23";

const Manual::Part kDaemonStatus{.title = "EXIT STATUS",
                                 .items = {{"0", "It was stopped by a signal."},
                                           {"1", "It could not start; the last line of the log says why."},
                                           {"100 and above", "The command line is wrong."}}};

const Manual::Part kService{
    .title = "SERVICE MANAGER",
    .items = {},
    .paragraphs = {
        "Listening sockets that are passed (sd_listen_fds(3)) are used by their kind and stay open when the "
        "daemon ends, so that callers wait during a restart. `READY=1` is sent when requests are served, "
        "`STOPPING=1` at a signal, and `WATCHDOG=1` by the thread that serves.",
        "The log goes to standard error. Each line that belongs to a request bears its id, which the "
        "caller gets as `x-amzn-RequestId`; bodies, headers and keys are never written."}};

/// What differs between the daemons' pages.
struct Daemon {
  std::vector<std::string> description;
  std::vector<Manual::Item> files;
  std::string when_stopped;
  std::vector<std::string> see_also;
};

Manual daemon_manual(Daemon daemon) {
  daemon.files.push_back({"/etc/default/caisson", "Options for the systemd unit."});
  return {.section = 8,
          .date = kDate,
          .version = version(),
          .synopsis = "[OPTIONS]",
          .description = std::move(daemon.description),
          .parts = {{.title = "FILES", .items = std::move(daemon.files)},
                    {.title = "SIGNALS", .items = {{"SIGTERM, SIGINT", std::move(daemon.when_stopped)}}},
                    kService,
                    kDaemonStatus},
          .see_also = std::move(daemon.see_also)};
}

}  // namespace

Manual caisson_manual() {
  return {
      .section = 1,
      .date = kDate,
      .version = version(),
      .synopsis = "[OPTIONS] COMMAND [COMMAND-OPTIONS]",
      .description =
          {"The command line of netd(8). There is a command for each action of the API, with EC2's "
           "names for its options; structures are given as JSON or in the AWS CLI's shorthand.",
           "`caisson doctor` looks at the host: kernel, settings, programs, limits, files, daemons and "
           "what was left behind, each with what to do about it. It needs no daemon."},
      .parts =
          {{.title = "FILES",
            .items = {{"/run/caisson/netd.sock",
                       "Where netd listens. Who may open it may act for every account: root, and the group "
                       "`caisson` where systemd made it."}}},
           {.title = "EXIT STATUS",
            .items = {{"0", "Done."},
                      {"1", "The API refused it, or `doctor` found a failure."},
                      {"2", "The command line is wrong."}}}},
      .see_also = {"netd(8)", "runnerd(8)", "caisson-images(8)"}};
}

Manual netd_manual() {
  return daemon_manual(
      {.description =
           {"netd owns the network of an instance: the model of VPCs, its store, the network namespace "
            "`caisson` with all taps, bridges and member ports, the BPF programs on them, and the nft "
            "tables. "
            "It brings the kernel to the model at each change and at each start.",
            "When netd ends, or is killed, all that it made stays and packets go on flowing under the same "
            "policy; the next start takes it over. It keeps CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON and "
            "CAP_SYS_ADMIN, and can run no program."},
       .files = {{"/var/lib/caisson/netd.db", "The stored commands. With --instance NAME, caisson-NAME."},
                 {"/run/caisson/netd.sock", "The API, for operators."},
                 {"/run/caisson/attach.sock", "Where runnerd asks for interfaces and slots."},
                 {"/run/caisson/endpoint.sock", "Where endpointd gets its sockets, and asks who speaks."},
                 {"/sys/fs/bpf/caisson/", "The maps: flows, drops, slots, policies."},
                 {"/run/netns/caisson", "The namespace of the fabric."}},
       .when_stopped = "Answer what was asked, and end. The datapath stays.",
       .see_also = {"caisson(1)", "endpointd(8)", "runnerd(8)", "bpftool(8)", "nft(8)", "ip-netns(8)"}});
}

Manual endpointd_manual() {
  return daemon_manual(
      {.description =
           {"endpointd answers what guests and members ask the resolver of their VPC, at 169.254.169.253 and "
            "at "
            "the base of the VPC's block plus two: names of network interfaces (ip-10-0-0-5.ec2.internal) "
            "and "
            "their reverse itself, everything else by the host's resolvers, with a cache of its own for each "
            "VPC.",
            "Its sockets are netd(8)'s, which opens them in the fabric and keeps them: what is asked while "
            "endpointd is away waits there. It has no capability, and can run no program and become nobody "
            "else."},
       .files = {{"/run/caisson/endpointd.sock", "Health and metrics. With --instance NAME, caisson-NAME."},
                 {"/run/caisson/endpoint.sock", "Where netd is asked."},
                 {"/etc/resolv.conf",
                  "The host's resolvers, unless --resolver names others. Read at start."}},
       .when_stopped = "End. Questions wait in netd's sockets for the next start.",
       .see_also = {"netd(8)", "caisson(1)", "resolv.conf(5)"}});
}

Manual runnerd_manual() {
  return daemon_manual(
      {.description =
           {"runnerd runs functions, each environment in a microVM of its own, and speaks Lambda's API: "
            "`aws lambda ... --endpoint-url http://127.0.0.1:4751`. The network of a microVM is a tap that "
            "netd(8) leases; it is attached before the function runs and sealed while it is frozen.",
            "Snapshots are in memory only, and microVMs end with runnerd; a start makes the snapshots of the "
            "active functions again. It keeps CAP_SETUID, CAP_SETGID and CAP_KILL."},
       .files = {{"/var/lib/caisson/runner.db",
                  "The functions. With --instance NAME, caisson-NAME; the systemd unit's are in "
                  "/var/lib/caisson/runner/."},
                 {"/var/lib/caisson/code/", "Their code, as read-only images."},
                 {"/run/caisson/runner.sock", "The API, for operators."},
                 {"/var/cache/caisson/", "The guest images, made by caisson-images(8)."}},
       .when_stopped = "Give the slots back, end the microVMs, and end.",
       .see_also = {"caisson(1)", "netd(8)", "caisson-images(8)", "qemu-system-x86_64(1)"}});
}

}  // namespace caisson::packaging

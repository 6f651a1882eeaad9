// PID 1 of a Caisson guest. Its end is the guest's: the kernel panics and QEMU, told not to reboot, exits.
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "vmm/guest/agent/agent.hh"
#include "vmm/guest/agent/system.hh"

namespace {

caisson::Status serve() {
  using namespace caisson;
  TRY(auto port, guest::start_devices());
  TRYV(guest::enter_root());
  TRYV(guest::configure_network());
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  Fd signal_fd = Fd::own(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  return guest::Agent(std::move(port), std::move(signal_fd)).run();
}

}  // namespace

int main() {
  if (::getpid() != 1) {
    std::fputs("caisson agent: it runs as PID 1 of a guest only\n", stderr);
    return 2;
  }
  const auto status = serve();
  std::fprintf(stderr, "caisson agent: %s\n", status ? "ended" : status.error().text().c_str());
  return 1;
}

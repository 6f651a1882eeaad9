// boot_and_wait: boots a guest, prints QEMU's process id and waits to be killed. For the test of what remains then.
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "tests/e2e/vmm/guest.hh"

int main() {
  using namespace caisson::vmm;
  std::unique_ptr<MicroVm> vm;
  // The thread that asks for the microVM ends at once: QEMU must not end with it.
  std::thread([&vm] {
    auto booted =
        MicroVm::boot({.kernel = test::image("vmlinux"), .initrd = test::image("initrd.cpio.gz")}, {}, false);
    if (booted) vm = std::move(booted).value();
  }).join();
  if (vm == nullptr) return 1;
  AgentClient agent(vm->agent_fd(), [](std::string_view, std::int64_t) {});
  if (!agent.wait_ready(test::soon())) return 1;
  std::printf("%d\n", vm->pid());
  std::fflush(stdout);
  ::pause();
}

#include "vmm/argv.hh"

#include <algorithm>

#include "base/mac.hh"

namespace caisson::vmm {
namespace {

Error invalid(const std::string& what) {
  return {.code = "InvalidSpec", .message = what};
}

bool is_serial(const std::string& text) {
  return !text.empty() && text.size() <= 20 &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

std::string fd(int number) {
  return std::to_string(number);
}

std::string accelerator(Accelerator which) {
  return which == Accelerator::kKvm ? "kvm" : "tcg,tb-size=" + std::to_string(kTranslationCacheMib);
}

}  // namespace

Status check(const MicroVmSpec& spec) {
  if (spec.memory_mib < kMinMemoryMib || spec.memory_mib > kMaxMemoryMib) {
    return invalid("memory of " + std::to_string(spec.memory_mib) + " MiB, must be " +
                   std::to_string(kMinMemoryMib) + " to " + std::to_string(kMaxMemoryMib));
  }
  if (spec.cpus < 1 || spec.cpus > kMaxCpus)
    return invalid(std::to_string(spec.cpus) + " CPUs, must be 1 to " + std::to_string(kMaxCpus));
  if (spec.drives.size() > kMaxDrives) {
    return invalid(std::to_string(spec.drives.size()) + " drives, at most " + std::to_string(kMaxDrives));
  }
  for (const Drive& drive : spec.drives) {
    if (!is_serial(drive.serial))
      return invalid("drive serial '" + drive.serial + "', must be [a-z0-9]{1,20}");
  }
  if (!spec.mac.empty() && !MacAddress::parse(spec.mac)) return invalid("MAC address '" + spec.mac + "'");
  if (spec.uid == 0) return invalid("uid 0: QEMU must not run as root");
  return ok();
}

std::vector<std::string> argv(const MicroVmSpec& spec, const InheritedFds& fds, Start start, long tsc_khz) {
  const std::string mib = std::to_string(spec.memory_mib);
  // The memfd is opened anew through /proc; a restored guest gets it copy on write.
  const std::string share = start == Start::kBootToSnapshot ? "on" : "off";
  std::vector<std::string> out = {kQemu,
                                  "-M",
                                  "microvm,acpi=on,pit=on,pic=on,rtc=on,isa-serial=on,memory-backend=m0",
                                  "-object",
                                  "memory-backend-file,id=m0,size=" + mib + "M,mem-path=/proc/self/fd/" +
                                      fd(fds.memory) + ",share=" + share,
                                  "-no-user-config",
                                  "-nodefaults",
                                  "-no-reboot",
                                  "-display",
                                  "none",
                                  "-m",
                                  mib,
                                  "-smp",
                                  std::to_string(spec.cpus),
                                  "-cpu",
                                  "max",
                                  "-accel",
                                  accelerator(spec.accelerator),
                                  "-sandbox",
                                  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
                                  "-chardev",
                                  "socket,id=qmp,fd=" + fd(fds.qmp),
                                  "-mon",
                                  "chardev=qmp,mode=control",
                                  "-chardev",
                                  "socket,id=console,fd=" + fd(fds.console),
                                  "-serial",
                                  "chardev:console",
                                  "-device",
                                  "virtio-serial-device",
                                  "-chardev",
                                  "socket,id=agent,fd=" + fd(fds.agent),
                                  "-device",
                                  "virtserialport,chardev=agent,name=agent"};
  const auto add = [&out](const char* option, const std::string& value) {
    out.emplace_back(option);
    out.push_back(value);
  };
  if (fds.tap >= 0) {
    add("-netdev", "tap,id=net0,fd=" + fd(fds.tap));
    add("-device", "virtio-net-device,netdev=net0" + (spec.mac.empty() ? "" : ",mac=" + spec.mac));
  }
  // A descriptor set, so that the file needs to be readable by us, not by QEMU's user.
  for (std::size_t i = 0; i < spec.drives.size(); ++i) {
    const std::string id = std::to_string(i);
    add("-add-fd", "fd=" + fd(fds.drives[i]) + ",set=" + id);
    add("-drive", "id=d" + id + ",file=/dev/fdset/" + id + ",format=raw,if=none,readonly=on");
    add("-device", "virtio-blk-device,drive=d" + id + ",serial=" + spec.drives[i].serial);
  }
  if (start == Start::kRestore) {
    add("-incoming", "defer");
    return out;
  }
  // A panic ends QEMU by a triple fault: of what the kernel tries before it, ACPI's reset leaves a restored guest
  // standing still.
  std::string arguments = "console=ttyS0 quiet panic=-1 reboot=t tsc_early_khz=" + std::to_string(tsc_khz);
  if (!spec.kernel_arguments.empty()) arguments += " " + spec.kernel_arguments;
  // QEMU sees no file of ours by name.
  add("-kernel", "/proc/self/fd/" + fd(fds.kernel));
  add("-initrd", "/proc/self/fd/" + fd(fds.initrd));
  add("-append", arguments);
  return out;
}

}  // namespace caisson::vmm

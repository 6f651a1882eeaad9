#include "vmm/argv.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::vmm {
namespace {

std::string joined(const std::vector<std::string>& arguments) {
  std::string out;
  for (const std::string& argument : arguments)
    out += argument + "\n";
  return out;
}

MicroVmSpec spec() {
  return {.kernel = "/images/vmlinux",
          .initrd = "/images/initrd",
          .memory_mib = 256,
          .drives = {{"root", "/images/root"}, {"code", "/code"}},
          .mac = "02:00:00:00:00:02",
          .kernel_arguments = "loglevel=3"};
}

constexpr const char* kBoot = R"(/usr/bin/qemu-system-x86_64
-M
microvm,acpi=on,pit=on,pic=on,rtc=on,isa-serial=on,memory-backend=m0
-object
memory-backend-file,id=m0,size=256M,mem-path=/proc/self/fd/6,share=on
-no-user-config
-nodefaults
-no-reboot
-display
none
-m
256
-smp
1
-cpu
max
-accel
tcg,tb-size=64
-sandbox
on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-chardev
socket,id=qmp,fd=3
-mon
chardev=qmp,mode=control
-chardev
socket,id=console,fd=5
-serial
chardev:console
-device
virtio-serial-device
-chardev
socket,id=agent,fd=4
-device
virtserialport,chardev=agent,name=agent
-netdev
tap,id=net0,fd=7
-device
virtio-net-device,netdev=net0,mac=02:00:00:00:00:02
-add-fd
fd=10,set=0
-drive
id=d0,file=/dev/fdset/0,format=raw,if=none,readonly=on
-device
virtio-blk-device,drive=d0,serial=root
-add-fd
fd=11,set=1
-drive
id=d1,file=/dev/fdset/1,format=raw,if=none,readonly=on
-device
virtio-blk-device,drive=d1,serial=code
-kernel
/proc/self/fd/8
-initrd
/proc/self/fd/9
-append
console=ttyS0 quiet panic=-1 reboot=t tsc_early_khz=2596000 loglevel=3
)";

const InheritedFds kFds{
    .qmp = 3, .agent = 4, .console = 5, .memory = 6, .tap = 7, .kernel = 8, .initrd = 9, .drives = {10, 11}};

TEST(Argv, OfABootThatMayBeSnapshotted) {
  EXPECT_EQ(joined(argv(spec(), kFds, Start::kBootToSnapshot, 2596000)), kBoot);
}

TEST(Argv, OfAnyOtherBootDiffersInTheMemoryOnly) {
  std::string expected = kBoot;
  expected.replace(expected.find("share=on"), 8, "share=off");
  EXPECT_EQ(joined(argv(spec(), kFds, Start::kBoot, 2596000)), expected);
}

TEST(Argv, OfARestoreHasTheSameDevicesAndNoKernel) {
  std::string expected = kBoot;
  expected.replace(expected.find("share=on"), 8, "share=off");
  expected.erase(expected.find("-kernel"));
  EXPECT_EQ(joined(argv(spec(), kFds, Start::kRestore, 0)), expected + "-incoming\ndefer\n");
}

TEST(Argv, WithoutATapThereIsNoNetworkDevice) {
  InheritedFds fds = kFds;
  fds.tap = -1;
  EXPECT_EQ(joined(argv(spec(), fds, Start::kBoot, 1)).find("net"), std::string::npos);
}

TEST(Argv, KvmIsOneWord) {
  auto kvm = spec();
  kvm.accelerator = Accelerator::kKvm;
  EXPECT_THAT(argv(kvm, kFds, Start::kBoot, 1), testing::Contains("kvm"));
  EXPECT_THAT(argv(kvm, kFds, Start::kBoot, 1), testing::Not(testing::Contains(testing::HasSubstr("tcg"))));
}

struct Refused {
  const char* name;
  void (*change)(MicroVmSpec&);
  const char* says;
};

TEST(Argv, CheckNamesWhatIsWrong) {
  ASSERT_TRUE(check(spec()));
  const Refused cases[] = {
      {"too little memory", [](MicroVmSpec& s) { s.memory_mib = 127; }, "127 MiB"},
      {"too much memory", [](MicroVmSpec& s) { s.memory_mib = 10241; }, "10241 MiB"},
      {"no CPU", [](MicroVmSpec& s) { s.cpus = 0; }, "0 CPUs"},
      {"too many CPUs", [](MicroVmSpec& s) { s.cpus = 7; }, "7 CPUs"},
      {"a slot too many",
       [](MicroVmSpec& s) {
         s.drives.assign(22, {"x", "/x"});
       },
       "22 drives"},
      {"an option in a serial", [](MicroVmSpec& s) { s.drives[0].serial = "a,b"; }, "'a,b'"},
      {"an empty serial", [](MicroVmSpec& s) { s.drives[0].serial.clear(); }, "''"},
      {"a long serial", [](MicroVmSpec& s) { s.drives[0].serial = std::string(21, 'a'); }, "serial"},
      {"an option in a MAC address", [](MicroVmSpec& s) { s.mac = "02:00:00:00:00:02,x=1"; }, "MAC"},
      {"root", [](MicroVmSpec& s) { s.uid = 0; }, "root"},
  };
  for (const Refused& refused : cases) {
    auto changed = spec();
    refused.change(changed);
    const auto status = check(changed);
    ASSERT_FALSE(status) << refused.name;
    EXPECT_EQ(status.error().code, "InvalidSpec") << refused.name;
    EXPECT_NE(status.error().message.find(refused.says), std::string::npos) << status.error().message;
  }
  auto full = spec();
  full.drives.assign(21, {"x", "/x"});
  EXPECT_TRUE(check(full));
}

}  // namespace
}  // namespace caisson::vmm

// cgroup v2 as runnerd uses it, in a guest whose kernel is the oldest that Caisson supports (Linux 6.1): the program
// cgroup_check there, once among other processes and once alone in a group that was delegated to it.
#include <gtest/gtest.h>

#include "tests/e2e/vmm/guest.hh"

namespace caisson::vmm::test {
namespace {

constexpr const char* kCode = R"(
import os, subprocess

DELEGATED = "/sys/fs/cgroup/delegated"

def handler(event, context):
    def enter():
        if event["alone"]:
            os.makedirs(DELEGATED, exist_ok=True)
            with open(DELEGATED + "/cgroup.procs", "w") as file:
                file.write("0")
    done = subprocess.run(["/var/task/cgroup_check"], preexec_fn=enter, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return {"status": done.returncode, "output": done.stdout, "release": os.uname().release,
            "delegated": sorted(os.listdir(DELEGATED)) if event["alone"] else []}
)";

TEST(CgroupV2, OnTheOldestKernel) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "code.d");
  std::filesystem::copy(CGROUP_CHECK, folder.path() / "code.d/cgroup_check");
  MicroVmSpec spec{.kernel = image("tests/vmlinux"),
                   .initrd = image("tests/initrd.cpio.gz"),
                   .memory_mib = 256,
                   .cpus = 2,
                   .drives = {{"root", image("tests/provided.root.squashfs")},
                              {"code", make_drive(folder, "code", "app.py", kCode)}}};
  const auto guest = initialised(spec, /*share_memory=*/false);
  for (const bool alone : {false, true}) {
    const auto done = guest->response(alone ? "r-2" : "r-1", {{"alone", alone}});
    EXPECT_EQ(done["output"], "cgroup v2: ok\n") << done;
    EXPECT_EQ(done["status"], 0);
    EXPECT_TRUE(done["release"].get<std::string>().starts_with("6.1.")) << done;
    // The program moved to a leaf of its own, and nothing but the leaf is left of its groups.
    const auto& left = done["delegated"];
    EXPECT_EQ(std::count(left.begin(), left.end(), "caisson-cgroups"), alone ? 1 : 0);
    EXPECT_EQ(std::count(left.begin(), left.end(), "caisson-check"), 0);
  }
}

}  // namespace
}  // namespace caisson::vmm::test

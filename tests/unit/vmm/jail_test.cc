#include "vmm/jail.hh"

#include <gtest/gtest.h>

namespace caisson::vmm {
namespace {

using Kind = JailStep::Kind;

TEST(Jail, PlanMakesEachParentOnceAndBeforeItsChildren) {
  const auto steps = plan({.folders = {"/usr/lib/x", "/usr/share"},
                           .files = {"/usr/bin/program"},
                           .devices = {"/dev/kvm"},
                           .links = {{"/lib", "usr/lib"}}});
  const std::vector<JailStep> expected = {{Kind::kMakeFolder, "usr", ""},
                                          {Kind::kMakeFolder, "usr/lib", ""},
                                          {Kind::kMakeFolder, "usr/lib/x", ""},
                                          {Kind::kBind, "usr/lib/x", "/usr/lib/x"},
                                          {Kind::kMakeFolder, "usr/share", ""},
                                          {Kind::kBind, "usr/share", "/usr/share"},
                                          {Kind::kMakeFolder, "usr/bin", ""},
                                          {Kind::kMakeFile, "usr/bin/program", ""},
                                          {Kind::kBind, "usr/bin/program", "/usr/bin/program"},
                                          {Kind::kMakeFolder, "dev", ""},
                                          {Kind::kMakeFile, "dev/kvm", ""},
                                          {Kind::kBindDevice, "dev/kvm", "/dev/kvm"},
                                          {Kind::kMakeLink, "lib", "usr/lib"}};
  EXPECT_EQ(steps, expected);
}

TEST(Jail, AnEmptyOneNeedsNothing) {
  EXPECT_TRUE(plan({}).empty());
}

}  // namespace
}  // namespace caisson::vmm

// Every *.case file beside this one. CAISSON_GOLDEN_UPDATE=1 writes what is, instead of comparing: read the diff.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "netd/api/services.hh"
#include "netd/reconcile/plan.hh"
#include "tests/golden/case_file.hh"
#include "tests/golden/model.hh"
#include "tests/golden/print.hh"
#include "vpc/compile/compile.hh"

namespace caisson::golden {
namespace {

const std::vector<std::string> kSections{"desired", "plan", "teardown", "left"};

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(CAISSON_GOLDEN_FOLDER)) {
    if (entry.path().extension() == ".case") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Golden : public testing::TestWithParam<std::string> {};

/// One kernel follows every step; another one sees the last state alone. They must not differ.
TEST_P(Golden, Case) {
  const std::string path = std::string(CAISSON_GOLDEN_FOLDER) + "/" + GetParam() + ".case";
  const CaseFile file = read_case(path);
  ASSERT_FALSE(file.requests.empty());
  Model model;
  model.state.services = netd::api::known_services();
  Kernel kernel;
  for (const auto& request : file.requests) {
    const auto before = print(vpc::compile(model.state), model.names);
    ASSERT_EQ(model.ask(request), request.code) << request.operation << request.parameters;
    const auto desired = vpc::compile(model.state);
    if (!request.code.empty()) {
      EXPECT_EQ(print(desired, model.names), before) << request.operation;
    }
    kernel.reconcile(desired);
    EXPECT_THAT(print(kernel.reconcile(desired), model.names), testing::IsEmpty()) << request.operation;
  }
  std::map<std::string, Lines> is;
  const auto desired = vpc::compile(model.state);
  is["desired"] = print(desired, model.names);
  Kernel fresh;
  is["plan"] = print(fresh.reconcile(desired), model.names);

  ASSERT_EQ(model.delete_all(), "");
  const auto rest = vpc::compile(model.state);
  is["teardown"] = print(fresh.reconcile(rest), model.names);
  is["left"] = print(rest, model.names);
  EXPECT_THAT(print(fresh.reconcile(rest), model.names), testing::IsEmpty());
  kernel.reconcile(rest);
  for (const auto& table : netd::reconcile::table_names()) {
    EXPECT_EQ(kernel.observed.tables[table].size(), fresh.observed.tables[table].size()) << table;
  }
  EXPECT_EQ(kernel.observed.bridges.size(), fresh.observed.bridges.size());
  EXPECT_THAT(kernel.observed.members, testing::IsEmpty());

  if (std::getenv("CAISSON_GOLDEN_UPDATE") != nullptr) {
    write_case(path, file, is, kSections);
    return;
  }
  for (const auto& section : kSections) {
    const auto found = file.sections.find(section);
    EXPECT_THAT(is[section],
                testing::ElementsAreArray(found == file.sections.end() ? Lines{} : found->second))
        << "[" << section << "]";
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Golden, testing::ValuesIn(case_names()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace caisson::golden

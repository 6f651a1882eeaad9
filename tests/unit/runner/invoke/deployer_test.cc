#include "runner/invoke/deployer.hh"

#include <sqlite3.h>

#include "tests/unit/runner/invoke/fixture.hh"

namespace caisson::runner {
namespace {

using DeployerTest = DeployerFixture;
using Names = std::vector<std::string>;

TEST_F(DeployerTest, CreateIsPendingUntilTheSnapshotIsThere) {
  const Function created = create();
  EXPECT_EQ(created.state, State::kPending);
  EXPECT_EQ(now(), created);
  EXPECT_EQ(factory_.names(), Names{"f#" + created.deployment});
  run_background();
  EXPECT_EQ(now().state, State::kActive);
  EXPECT_EQ(now().update_status, UpdateStatus::kSuccessful);
  EXPECT_EQ(now().state_reason, Reason{});
  EXPECT_EQ(factory_.prepared, Names{created.deployment});
}

TEST_F(DeployerTest, ADuplicateIsAConflictAndLeavesNothing) {
  create();
  CreateRequest request;
  EXPECT_EQ(deployer_->create({kAccount, "f"}, request).error().code, "ResourceConflictException");
  EXPECT_EQ(files().size(), 1U);
}

TEST_F(DeployerTest, AnInitErrorMakesItFailedWithItsReason) {
  factory_.prepare_error =
      Error{.code = "FunctionError.RuntimeInitError", .message = "{\"errorMessage\":\"x\"}"};
  create();
  run_background();
  EXPECT_EQ(now().state, State::kFailed);
  EXPECT_EQ(now().state_reason.code, "FunctionError.RuntimeInitError");
  EXPECT_TRUE(factory_.names().empty());
  factory_.prepare_error.reset();
  ASSERT_TRUE(deployer_->update_configuration({kAccount, "f"}, R"({"Handler":"app.other"})"));
  run_background();
  EXPECT_EQ(now().state, State::kActive);
  EXPECT_EQ(now().current.handler, "app.other");
}

TEST_F(DeployerTest, ASubnetThatDoesNotExistIsTheCallersError) {
  factory_.place_error = Error{.code = "InvalidSubnetID.NotFound", .message = "no such subnet"};
  CreateRequest request;
  request.zip = "zip";
  const auto refused = deployer_->create({kAccount, "f"}, request);
  EXPECT_EQ(refused.error().code, "InvalidParameterValueException");
  EXPECT_NE(refused.error().message.find("InvalidSubnetID.NotFound"), std::string::npos);
  EXPECT_EQ(registry_->find({kAccount, "f"}), nullptr);
  run_background();
  EXPECT_TRUE(files().empty());
}

TEST_F(DeployerTest, ASubnetWithoutAddressesIsAFailedFunction) {
  factory_.place_error = Error{.code = "InsufficientFreeAddressesInSubnet", .message = "none left"};
  create();
  run_background();
  EXPECT_EQ(now().state, State::kFailed);
  EXPECT_EQ(now().state_reason.code, "SubnetOutOfIPAddresses");
}

TEST_F(DeployerTest, WithoutNetdNothingIsCreated) {
  factory_.place_error = Error{.code = "NetdUnavailable", .message = "m"};
  CreateRequest request;
  request.zip = "zip";
  EXPECT_EQ(deployer_->create({kAccount, "f"}, request).error().code, "NetdUnavailable");
  EXPECT_EQ(registry_->find({kAccount, "f"}), nullptr);
}

TEST_F(DeployerTest, TheOldConfigurationServesUntilTheUpdateSucceeded) {
  const Function created = create();
  run_background();
  const auto updated = deployer_->update_configuration({kAccount, "f"}, R"({"MemorySize":256})");
  ASSERT_TRUE(updated);
  EXPECT_EQ(updated.value().update_status, UpdateStatus::kInProgress);
  EXPECT_EQ(updated.value().shown().memory_mib, 256);
  EXPECT_NE(updated.value().revision, created.revision);
  EXPECT_EQ(now().current.memory_mib, 128);
  EXPECT_EQ(deployer_->deployment(now()).value()->id, created.deployment);
  run_background();
  EXPECT_EQ(now().update_status, UpdateStatus::kSuccessful);
  EXPECT_EQ(now().current.memory_mib, 256);
  EXPECT_FALSE(now().next);
  EXPECT_NE(now().deployment, created.deployment);
  EXPECT_EQ(factory_.names(), Names{"f#" + now().deployment});
  EXPECT_EQ(files(), Names{created.current.code.file});
}

TEST_F(DeployerTest, AFailedUpdateLeavesTheOldConfigurationInForce) {
  const Function created = create();
  run_background();
  factory_.prepare_error = Error{.code = "InvalidGroup.NotFound", .message = "gone"};
  ASSERT_TRUE(deployer_->update_configuration({kAccount, "f"}, R"({"MemorySize":256})"));
  run_background();
  EXPECT_EQ(now().state, State::kActive);
  EXPECT_EQ(now().update_status, UpdateStatus::kFailed);
  EXPECT_EQ(now().update_reason.code, "InvalidSecurityGroup");
  EXPECT_EQ(now().shown().memory_mib, 128);
  EXPECT_EQ(now().deployment, created.deployment);
  EXPECT_EQ(factory_.names(), Names{"f#" + created.deployment});
}

TEST_F(DeployerTest, AnUpdateThatCannotBeStoredLeavesTheOldOneWhole) {
  const Function created = create();
  run_background();
  ASSERT_TRUE(deployer_->update_code({kAccount, "f"}, {.zip = "other"}));
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ / "runner.db").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  run_background();
  sqlite3_close(other);
  EXPECT_EQ(now().deployment, created.deployment);
  EXPECT_EQ(now().update_status, UpdateStatus::kInProgress);
  EXPECT_EQ(files().size(), 2U);
  EXPECT_EQ(factory_.names().size(), 2U) << "the interfaces of both";
}

TEST_F(DeployerTest, NewCodeReplacesTheOldFile) {
  const Function created = create();
  run_background();
  ASSERT_TRUE(deployer_->update_code({kAccount, "f"}, {.zip = "other", .revision = created.revision}));
  EXPECT_EQ(files().size(), 2U);
  run_background();
  EXPECT_EQ(files(), Names{now().current.code.file});
  EXPECT_NE(now().current.code.sha256, created.current.code.sha256);
}

TEST_F(DeployerTest, AnAccountHasItsShareOfCode) {
  create("full");
  run_background();
  const std::string rest(kCodeStorage - 3, 'x');
  CreateRequest request;
  request.zip = rest + "y";
  EXPECT_EQ(deployer_->create({kAccount, "f"}, request).error().code, "CodeStorageExceededException");
  EXPECT_EQ(deployer_->update_code({kAccount, "full"}, {.zip = rest + "y"}).error().code,
            "CodeStorageExceededException");
  EXPECT_EQ(files().size(), 1U);
  EXPECT_TRUE(deployer_->create({"000000000002", "f"}, request));
  EXPECT_TRUE(deployer_->update_code({kAccount, "full"}, {.zip = rest}));
  // Until it is done both are stored.
  request.zip = "z";
  EXPECT_EQ(deployer_->create({kAccount, "f"}, request).error().code, "CodeStorageExceededException");
  run_background();
  EXPECT_TRUE(deployer_->create({kAccount, "f"}, request));
}

TEST_F(DeployerTest, ADryRunOfNewCodeChangesNothing) {
  create();
  run_background();
  const Function before = now();
  const auto shown =
      deployer_->update_code({kAccount, "f"}, {.zip = "other", .revision = {}, .dry_run = true});
  ASSERT_TRUE(shown);
  EXPECT_NE(shown.value().shown().code.sha256, before.current.code.sha256);
  EXPECT_EQ(now(), before);
  EXPECT_EQ(files().size(), 1U);
}

TEST_F(DeployerTest, ATimeoutNeedsNoNewEnvironments) {
  const Function created = create();
  run_background();
  const auto updated = deployer_->update_configuration({kAccount, "f"}, R"({"Timeout":9})");
  ASSERT_TRUE(updated);
  EXPECT_EQ(updated.value().update_status, UpdateStatus::kSuccessful);
  EXPECT_EQ(now().deployment, created.deployment);
  EXPECT_EQ(waiting_jobs(), 0U);
}

TEST_F(DeployerTest, ChangesAreRefusedWhileOneIsInProgressOrTheRevisionDiffers) {
  create();
  EXPECT_EQ(deployer_->update_configuration({kAccount, "f"}, "{}").error().code, "ResourceConflictException");
  run_background();
  EXPECT_EQ(deployer_->update_configuration({kAccount, "f"}, R"({"RevisionId":"other"})").error().code,
            "PreconditionFailedException");
  ASSERT_TRUE(deployer_->update_configuration({kAccount, "f"}, R"({"MemorySize":256})"));
  EXPECT_EQ(deployer_->update_configuration({kAccount, "f"}, R"({"MemorySize":512})").error().code,
            "ResourceConflictException");
  EXPECT_EQ(deployer_->update_code({kAccount, "f"}, {.zip = "x"}).error().code, "ResourceConflictException");
}

TEST_F(DeployerTest, DeleteTakesEverythingWithIt) {
  create();
  run_background();
  ASSERT_TRUE(pool_->acquire(deployer_->deployment(now()).value()));
  ASSERT_TRUE(deployer_->remove({kAccount, "f"}));
  run_next();  // when the pool's keeper has ended the idle environment
  EXPECT_TRUE(factory_.names().empty());
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(pool_->stats().snapshots, 0U);
  EXPECT_EQ(deployer_->remove({kAccount, "f"}).error().code, "ResourceNotFoundException");
}

TEST_F(DeployerTest, DeleteDuringCreationAndUpdate) {
  create();
  ASSERT_TRUE(deployer_->remove({kAccount, "f"}));
  run_background();
  EXPECT_TRUE(factory_.names().empty());
  create();
  run_background();
  ASSERT_TRUE(deployer_->update_code({kAccount, "f"}, {.zip = "other"}));
  ASSERT_TRUE(deployer_->remove({kAccount, "f"}));
  run_background();
  EXPECT_TRUE(factory_.names().empty());
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(pool_->stats().snapshots, 0U);
}

TEST_F(DeployerTest, ADeploymentThatWasReplacedIsNotRevived) {
  create();
  run_background();
  const Function old = now();
  ASSERT_TRUE(deployer_->update_configuration({kAccount, "f"}, R"({"MemorySize":256})"));
  run_background();
  EXPECT_EQ(deployer_->deployment(old).error().code, "Retired");
  run_background();
  EXPECT_EQ(factory_.names(), Names{"f#" + now().deployment});
}

TEST_F(DeployerTest, RecoveryReleasesPrunesAndContinues) {
  const Function active = create("active");
  run_background();
  create("pending");
  create("updated");
  drop_jobs();
  Function updated = now("updated");
  updated.state = State::kActive;
  updated.next = updated.current;
  updated.next->memory_mib = 256;
  updated.next_deployment = "d2";
  updated.update_status = UpdateStatus::kInProgress;
  ASSERT_TRUE(registry_->put(updated));
  ASSERT_TRUE(factory_.place(kAccount, "gone#d9", {}));
  ASSERT_TRUE(code_->take("junk"));
  factory_.prepared.clear();

  deployer_->recover();
  EXPECT_EQ(files().size(), 3U);
  const Names users = factory_.names();
  EXPECT_EQ(std::ranges::find(users, "gone#d9"), users.end());
  run_background();
  EXPECT_EQ(now("active").state, State::kActive);
  EXPECT_EQ(now("active").revision, active.revision);
  EXPECT_EQ(now("pending").state, State::kActive);
  EXPECT_EQ(now("updated").current.memory_mib, 256);
  EXPECT_EQ(now("updated").update_status, UpdateStatus::kSuccessful);
}

TEST(ReasonOf, Table) {
  const std::pair<const char*, const char*> cases[] = {
      {"FunctionError.InitTimeout", "FunctionError.InitTimeout"},
      {"InvalidSubnetID.NotFound", "InvalidSubnet"},
      {"InvalidGroup.NotFound", "InvalidSecurityGroup"},
      {"InvalidSecurityGroupID.NotFound", "InvalidSecurityGroup"},
      {"InsufficientFreeAddressesInSubnet", "SubnetOutOfIPAddresses"},
      {"BlocksExhausted", "SubnetOutOfIPAddresses"},
      {"Timeout", "InternalError"},
      {"ENOENT", "InternalError"}};
  for (const auto& [code, reason] : cases)
    EXPECT_EQ(reason_of({.code = code, .message = "m"}).code, reason) << code;
  EXPECT_TRUE(is_callers({.code = "InvalidGroup.NotFound", .message = {}}));
  EXPECT_FALSE(is_callers({.code = "InsufficientFreeAddressesInSubnet", .message = {}}));
  EXPECT_FALSE(is_callers({.code = "EPIPE", .message = {}}));
}

}  // namespace
}  // namespace caisson::runner

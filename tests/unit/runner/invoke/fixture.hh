// A deployer with a registry in a temporary folder, fake environments, and background work that runs when told.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>

#include "base/hex.hh"
#include "runner/functions/code_store.hh"
#include "runner/functions/registry.hh"
#include "runner/invoke/deployer.hh"
#include "runner/invoke/invoker.hh"
#include "tests/unit/runner/invoke/fake_factory.hh"

namespace caisson::runner {

class DeployerFixture : public testing::Test {
 protected:
  static constexpr std::uint64_t kCodeStorage = 300;

  DeployerFixture() : folder_(std::filesystem::temp_directory_path() / ("caisson-deployer-" + random_hex())) {
    std::filesystem::create_directory(folder_);
    // The helpers are replaced: what is tested here is not the intake.
    code_.emplace(
        CodeStore::open(folder_ / "code", {.unzip = "/bin/true", .make_image = "/bin/true"}).value());
    registry_ = Registry::open(folder_ / "runner.db").value();
    pool_.emplace(factory_, PoolSettings{});
    deployer_.emplace(Deployer::Parts{.registry = *registry_,
                                      .code = *code_,
                                      .factory = factory_,
                                      .pool = *pool_,
                                      .region = "us-east-1",
                                      .offer = {.runtimes = {"python3.11"}},
                                      .code_storage_bytes = kCodeStorage,
                                      .background = [this](std::function<void()> job) {
                                        const std::lock_guard lock(mutex_);
                                        jobs_.push_back(std::move(job));
                                        arrived_.notify_all();
                                      }});
  }
  ~DeployerFixture() override {
    pool_.reset();
    std::filesystem::remove_all(folder_);
  }

  /// Runs the jobs there are, and those that they bring.
  void run_background() {
    std::unique_lock lock(mutex_);
    while (!jobs_.empty()) {
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }
  /// Waits for a job that another thread brings, and runs it.
  void run_next() {
    {
      std::unique_lock lock(mutex_);
      ASSERT_TRUE(arrived_.wait_for(lock, std::chrono::seconds(20), [this] { return !jobs_.empty(); }));
    }
    run_background();
  }
  std::size_t waiting_jobs() {
    const std::lock_guard lock(mutex_);
    return jobs_.size();
  }
  void drop_jobs() {
    const std::lock_guard lock(mutex_);
    jobs_.clear();
  }
  Function create(const std::string& name = "f", const std::string& description = "") {
    CreateRequest request;
    request.settings.runtime = "python3.11";
    request.settings.handler = "app.handler";
    request.settings.role = "arn:aws:iam::000000000001:role/r";
    request.settings.description = description;
    request.zip = "zip";
    auto function = deployer_->create({kAccount, name}, request);
    EXPECT_TRUE(function) << function.error().text();
    return function ? function.value() : Function{};
  }
  Function now(const std::string& name = "f") { return *registry_->find({kAccount, name}); }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "code")) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  static constexpr const char* kAccount = "000000000001";
  std::filesystem::path folder_;
  FakeFactory factory_;
  std::optional<CodeStore> code_;
  std::unique_ptr<Registry> registry_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> jobs_;
  std::optional<Pool> pool_;
  std::optional<Deployer> deployer_;
};

}  // namespace caisson::runner

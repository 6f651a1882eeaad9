// An environment factory without microVMs: it answers as it is told and writes down what it was asked.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runner/pool/environment.hh"

namespace caisson::runner {

class FakeFactory : public EnvironmentFactory {
 public:
  std::function<Outcome(const Invocation&)> on_invoke = [](const Invocation& invocation) {
    return Outcome{.payload = invocation.payload};
  };
  std::optional<Error> place_error;
  std::optional<Error> prepare_error;
  std::optional<Error> boot_error;

  Result<std::vector<Placement>> place(const std::string& account, const std::string& user,
                                       const VpcSettings& vpc) override {
    const std::lock_guard lock(mutex_);
    if (place_error) return *place_error;
    if (std::ranges::find(users_, user) == users_.end()) users_.push_back(user);
    accounts_[user] = account;
    return std::vector<Placement>{{"eni-01", "subnet-01", vpc.attached() ? "vpc-01" : ""}};
  }
  Status release(const std::string&, const std::string& user) override {
    const std::lock_guard lock(mutex_);
    std::erase(users_, user);
    return ok();
  }
  Result<std::vector<User>> users() override {
    const std::lock_guard lock(mutex_);
    std::vector<User> users;
    for (const std::string& user : users_)
      users.push_back({accounts_[user], user});
    return users;
  }
  Result<SnapshotPointer> prepare(const Deployment& deployment, const std::function<void()>& begun) override {
    begun();
    const std::lock_guard lock(mutex_);
    if (prepare_error) return *prepare_error;
    prepared.push_back(deployment.id);
    return std::make_shared<const vmm::Snapshot>();
  }
  Result<std::unique_ptr<Environment>> restore(const Deployment& deployment,
                                               const SnapshotPointer&) override {
    return boot(deployment);
  }
  Result<std::unique_ptr<Environment>> boot(const Deployment& deployment) override {
    const std::lock_guard lock(mutex_);
    if (boot_error) return *boot_error;
    started.push_back(deployment.id);
    return std::unique_ptr<Environment>(std::make_unique<FakeEnvironment>(*this));
  }

  std::vector<std::string> names() {
    const std::lock_guard lock(mutex_);
    return users_;
  }

  std::vector<std::string> prepared;
  std::vector<std::string> started;

 private:
  class FakeEnvironment : public Environment {
   public:
    explicit FakeEnvironment(FakeFactory& factory) : factory_(factory) {}
    Outcome invoke(const Invocation& invocation) override { return factory_.on_invoke(invocation); }
    Status freeze() override { return ok(); }
    Status thaw() override { return ok(); }
    [[nodiscard]] int exit_fd() const override { return -1; }

   private:
    FakeFactory& factory_;
  };

  std::mutex mutex_;
  std::vector<std::string> users_;
  std::map<std::string, std::string> accounts_;
};

}  // namespace caisson::runner

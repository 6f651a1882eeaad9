// A function as the registry keeps it: plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace caisson::runner {

/// VpcConfig. All empty: the function runs in the managed segment.
struct VpcSettings {
  std::vector<std::string> subnets;  ///< "subnet-..."; one interface each
  std::vector<std::string> groups;   ///< "sg-..."
  std::string vpc;                   ///< "vpc-...", as netd told when the interfaces were made

  [[nodiscard]] bool attached() const { return !subnets.empty(); }
  bool operator==(const VpcSettings&) const = default;
};

/// The package that was uploaded.
struct CodePackage {
  std::string file;         ///< name of the squashfs in the code store
  std::string sha256;       ///< base64 of the ZIP's SHA-256 (CodeSha256)
  std::uint64_t bytes = 0;  ///< size of the ZIP (CodeSize)

  bool operator==(const CodePackage&) const = default;
};

/// What a caller can set on a function.
struct Settings {
  std::string runtime;
  std::string handler;
  std::string role;
  std::string description;
  int timeout_seconds = 3;
  int memory_mib = 128;
  int temporary_mib = 512;  ///< EphemeralStorage: the size of /tmp
  std::map<std::string, std::string> variables;
  VpcSettings vpc;
  CodePackage code;

  bool operator==(const Settings&) const = default;
};

/// True when a running environment of `before` can't serve `after`: all but the timeout, the role and the
/// description is part of what a snapshot was made from.
bool needs_new_environments(const Settings& before, const Settings& after);

enum class State { kPending, kActive, kFailed };
enum class UpdateStatus { kNone, kInProgress, kSuccessful, kFailed };

/// StateReason and StateReasonCode, or their LastUpdateStatus twins ("Lambda function states").
struct Reason {
  std::string code;
  std::string message;

  bool operator==(const Reason&) const = default;
};

struct FunctionKey {
  std::string account;  ///< 12 digits
  std::string name;

  auto operator<=>(const FunctionKey&) const = default;
};

struct Function {
  FunctionKey key;
  Settings current;              ///< what serves invocations (from State Active on)
  std::string deployment;        ///< id of `current`'s environments: the revision that brought them
  std::optional<Settings> next;  ///< what an update in progress will make current
  std::string next_deployment;
  std::string revision;       ///< RevisionId, new with each change
  std::string last_modified;  ///< "2024-01-31T12:00:00.000+0000"
  std::map<std::string, std::string> tags;
  State state = State::kPending;
  Reason state_reason;
  UpdateStatus update_status = UpdateStatus::kNone;
  Reason update_reason;

  /// The settings that the API shows: those of an update in progress, else the current ones.
  [[nodiscard]] const Settings& shown() const { return next ? *next : current; }
  bool operator==(const Function&) const = default;
};

/// The name under which netd keeps a deployment's network interfaces.
std::string interface_user(const std::string& function_name, const std::string& deployment);

std::string function_arn(const std::string& region, const FunctionKey& key);

/// The words of the API: "Pending", "InProgress", ...; kNone is empty.
const char* text(State state);
const char* text(UpdateStatus status);

}  // namespace caisson::runner

#include "runner/functions/function.hh"

namespace caisson::runner {

bool needs_new_environments(const Settings& before, const Settings& after) {
  Settings same = after;
  same.timeout_seconds = before.timeout_seconds;
  same.description = before.description;
  same.role = before.role;
  return same != before;
}

std::string interface_user(const std::string& function_name, const std::string& deployment) {
  return function_name + "#" + deployment;
}

std::string function_arn(const std::string& region, const FunctionKey& key) {
  return "arn:aws:lambda:" + region + ":" + key.account + ":function:" + key.name;
}

const char* text(State state) {
  switch (state) {
    case State::kPending:
      return "Pending";
    case State::kActive:
      return "Active";
    case State::kFailed:
      return "Failed";
  }
  return "";
}

const char* text(UpdateStatus status) {
  switch (status) {
    case UpdateStatus::kNone:
      return "";
    case UpdateStatus::kInProgress:
      return "InProgress";
    case UpdateStatus::kSuccessful:
      return "Successful";
    case UpdateStatus::kFailed:
      return "Failed";
  }
  return "";
}

}  // namespace caisson::runner

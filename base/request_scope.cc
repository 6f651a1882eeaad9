#include "base/request_scope.hh"

#include <utility>

namespace caisson {
namespace {

std::string& current() {
  thread_local std::string id;
  return id;
}

}  // namespace

RequestScope::RequestScope(std::string request_id)
    : before_(std::exchange(current(), std::move(request_id))) {}

RequestScope::~RequestScope() {
  current() = std::move(before_);
}

const std::string& current_request_id() {
  return current();
}

}  // namespace caisson

#include "netd/core/growth.hh"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace caisson::netd::core {

void Growth::ask(const vpc::State& state, const std::string& interface) {
  const auto id = vpc::NetworkInterfaceId::parse(interface);
  const auto* found = id ? vpc::find(state.network_interfaces, *id) : nullptr;
  if (found == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    if (!asked_.insert(interface).second) return;
  }
  submit_({.account = found->account,
           .operation = "GrowFunctionInterface",
           .parameters = {{"NetworkInterfaceId", interface}, {"Addresses", found->addresses().size() + 1}},
           .request_id = "ports-run-low"},
          [this, interface](const Result<nlohmann::json>& result) { done(interface, result); });
}

void Growth::done(const std::string& interface, const Result<nlohmann::json>& result) {
  const std::lock_guard lock(mutex_);
  asked_.erase(interface);
  if (result) {
    starved_.erase(interface);
    spdlog::info("{} got another address: its ports ran low", interface);
  } else if (auto& why = starved_[interface]; why != result.error().text()) {
    why = result.error().text();
    spdlog::warn("{} is short of ports and gets no further address: {}", interface, why);
  }
}

void Growth::keep(const std::vector<Slots::Interface>& low) {
  const std::lock_guard lock(mutex_);
  std::erase_if(starved_, [&](const auto& item) {
    return std::none_of(low.begin(), low.end(), [&](const auto& one) { return one.id == item.first; });
  });
}

std::size_t Growth::starved() const {
  const std::lock_guard lock(mutex_);
  return starved_.size();
}

}  // namespace caisson::netd::core

// What the tests with real guests share: images, a function's code as a drive, a guest that has been
// initialised.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "vmm/agent_client.hh"
#include "vmm/micro_vm.hh"

namespace caisson::vmm::test {

using namespace std::chrono_literals;
using Clock = AgentClient::Clock;

/// Generous: TCG on a host that does other work.
inline AgentClient::Deadline soon() {
  return Clock::now() + 90s;
}

inline std::string image(const std::string& name) {
  const char* folder = std::getenv("CAISSON_IMAGES");
  std::string path = std::string(folder != nullptr ? folder : "/var/cache/caisson") + "/" + name;
  if (!std::filesystem::exists(path)) {
    ADD_FAILURE() << path << " is missing: run vmm/guest/build-images";
    std::abort();
  }
  return path;
}

/// A folder that is removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "caisson-e2e.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A squashfs of one file, readable by us only.
inline std::string make_drive(const TemporaryFolder& folder, const std::string& name, const std::string& file,
                              const std::string& text) {
  const auto tree = folder.path() / (name + ".d");
  std::filesystem::create_directories((tree / file).parent_path());
  std::ofstream(tree / file) << text;
  const auto drive = folder.path() / (name + ".squashfs");
  const std::string command =
      "mksquashfs " + tree.string() + " " + drive.string() + " -all-root -noappend -quiet >/dev/null";
  if (std::system(command.c_str()) != 0) std::abort();
  std::filesystem::permissions(drive, std::filesystem::perms::owner_read);
  return drive.string();
}

inline MicroVmSpec spec_with(const std::string& code) {
  return {.kernel = image("vmlinux"),
          .initrd = image("initrd.cpio.gz"),
          .memory_mib = 192,  // as runnerd gives a function of 128 MB
          .drives = {{"root", image("python3.11.squashfs")}, {"code", code}}};
}

inline agent::Init init_request(const std::string& handler = "app.handler") {
  return {.environment = {{"AWS_LAMBDA_FUNCTION_NAME", "f"},
                          {"AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"},
                          {"STAGE", "test"}},
          .handler = handler,
          .memory_mib = 128,
          .tmp_mib = 512,
          .clock_ns = realtime_ns(),
          .entropy = host_entropy()};
}

/// A microVM with the client of its agent and the function's log so far.
struct Guest {
  explicit Guest(std::unique_ptr<MicroVm> micro_vm)
      : vm(std::move(micro_vm)),
        agent(std::make_unique<AgentClient>(
            vm->agent_fd(), [this](std::string_view bytes, std::int64_t) { log += bytes; })) {}
  std::unique_ptr<MicroVm> vm;
  std::string log;
  std::unique_ptr<AgentClient> agent;

  AgentClient::InvokeResult invoke(const std::string& id, const nlohmann::json& event,
                                   AgentClient::Deadline deadline = soon()) {
    const agent::Invoke request{.request_id = id,
                                .deadline_ms = realtime_ns() / 1'000'000 + 10'000,
                                .arn = "arn:aws:lambda:us-east-1:000000000001:function:f",
                                .trace_id = "Root=1-2-3",
                                .client_context = "",
                                .payload = event.dump()};
    auto result = agent->invoke(request, deadline);
    if (!result) {
      ADD_FAILURE() << result.error().text() << "\nlog: " << log << "\nconsole: " << vm->console();
      return agent::InvokeError{};
    }
    return std::move(result).value();
  }

  nlohmann::json response(const std::string& id, const nlohmann::json& event) {
    const auto result = invoke(id, event);
    if (const auto* error = std::get_if<agent::InvokeError>(&result)) {
      ADD_FAILURE() << error->error_type << ": " << error->payload;
      return nlohmann::json::object();
    }
    return nlohmann::json::parse(std::get<agent::Response>(result).payload);
  }
};

inline std::unique_ptr<Guest> booted(const MicroVmSpec& spec, bool share_memory, const Fd& tap = Fd()) {
  auto vm = boot_until_ready(spec, tap, share_memory);
  if (!vm) {
    ADD_FAILURE() << vm.error().text();
    std::abort();
  }
  return std::make_unique<Guest>(std::move(vm).value());
}

inline std::unique_ptr<Guest> initialised(const MicroVmSpec& spec, bool share_memory, const Fd& tap = Fd()) {
  auto guest = booted(spec, share_memory, tap);
  auto result = guest->agent->init(init_request(), soon());
  if (!result || !std::holds_alternative<agent::Initialized>(result.value())) {
    ADD_FAILURE() << (result ? std::get<agent::InitError>(result.value()).payload : result.error().text())
                  << "\nlog: " << guest->log << "\nconsole: " << guest->vm->console();
    std::abort();
  }
  return guest;
}

class Stopwatch {
 public:
  /// Milliseconds since the last call or construction.
  double lap() {
    const auto now = Clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return ms;
  }

 private:
  Clock::time_point last_ = Clock::now();
};

}  // namespace caisson::vmm::test

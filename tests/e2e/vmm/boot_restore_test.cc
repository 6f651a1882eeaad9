// A real guest: boot, init, invoke, snapshot, clones. Needs the images (vmm/guest/build-images) and root.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <set>
#include <thread>

#include "tests/e2e/vmm/guest.hh"

namespace caisson::vmm::test {
namespace {

constexpr const char* kCode = R"(
import os, random, socket, ssl, sys, time, uuid

COUNT = 0
ssl.RAND_bytes(1)  # seeds OpenSSL's generator before the snapshot

def handler(event, context):
    global COUNT
    COUNT += 1
    action = event.get("action", "identity")
    if action == "raise":
        raise ValueError("no such luck")
    if action == "exit":
        os._exit(3)
    if action == "sleep":
        time.sleep(event["seconds"])
    if action == "large":
        return "x" * event["bytes"]
    if action == "allocate":
        return len([bytes([i % 255 + 1]) * (1 << 20) for i in range(event["mebibytes"])])
    if action == "flood":
        for _ in range(event["lines"]):
            print("y" * 99)
    if action == "write":
        with open("/tmp/kept", "w") as file:
            file.write(event["text"])
    if action == "process":
        with open("/proc/self/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        def refused(path):
            try:
                open(path, "w")
            except OSError as error:
                return error.strerror
        return {"uid": os.getuid(), "groups": os.getgroups(), "CapEff": status["CapEff"], "CapBnd": status["CapBnd"],
                "NoNewPrivs": status["NoNewPrivs"], "root": refused("/var/task/x"), "port": refused("/dev/vport0p1"),
                "env": dict(os.environ), "layer": open("/opt/a").read() if os.path.exists("/opt/a") else None}
    if action == "clone":
        def port(kind):
            with socket.socket(socket.AF_INET, kind) as one:
                one.connect(("127.0.0.1", 9001))
                return one.getsockname()[1]
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
        return {"tcp": [port(socket.SOCK_STREAM) for _ in range(16)],
                "udp": [port(socket.SOCK_DGRAM) for _ in range(16)],
                "monotonic": time.monotonic(), "time": time.time(), "boot_id": boot, "uuid1": str(uuid.uuid1()),
                "kernel_uuid": open("/proc/sys/kernel/random/uuid").read().strip(), "hash": hash("clone"),
                "pid": os.getpid()}
    print("handled", context.aws_request_id)
    return {"count": COUNT, "random": random.random(), "uuid": str(uuid.uuid4()), "urandom": os.urandom(16).hex(), "ssl": ssl.RAND_bytes(16).hex(),
            "time": time.time(), "remaining": context.get_remaining_time_in_millis(), "name": context.function_name,
            "stream": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"), "kept": os.path.exists("/tmp/kept"), "event": event}
)";

class BootRestore : public testing::Test {
 protected:
  // One boot for all tests of clones: it takes seconds.
  static void SetUpTestSuite() {
    folder = std::make_unique<TemporaryFolder>();
    spec = spec_with(make_drive(*folder, "code", "app.py", kCode));
    Stopwatch watch;
    auto guest = booted(spec, /*share_memory=*/true);
    std::printf("boot to READY %.0f ms\n", watch.lap());
    const auto init = guest->agent->init(init_request(), soon());
    ASSERT_TRUE(init) << init.error().text() << guest->vm->console();
    ASSERT_TRUE(std::holds_alternative<agent::Initialized>(init.value())) << guest->log;
    std::printf("init %.0f ms\n", watch.lap());
    EXPECT_GT(std::get<agent::Initialized>(init.value()).max_memory_mib, 4);
    const auto prepared = guest->agent->prepare_snapshot(soon());
    ASSERT_TRUE(prepared) << prepared.error().text() << guest->vm->console();
    auto taken = guest->vm->snapshot();
    ASSERT_TRUE(taken) << taken.error().text();
    snapshot = std::make_unique<Snapshot>(std::move(taken).value());
    std::printf("snapshot %.0f ms, %llu KiB\n", watch.lap(),
                static_cast<unsigned long long>(snapshot->bytes / 1024));
  }
  static void TearDownTestSuite() {
    snapshot.reset();
    folder.reset();
  }

  static std::unique_ptr<Guest> clone() {
    Stopwatch watch;
    auto vm = MicroVm::restore(*snapshot, spec, Fd());
    if (!vm) {
      ADD_FAILURE() << vm.error().text();
      std::abort();
    }
    const double spawned = watch.lap();
    auto guest = std::make_unique<Guest>(std::move(vm).value());
    const auto resumed = guest->vm->resume();
    EXPECT_TRUE(resumed);
    const auto restored = guest->agent->restored({.clock_ns = realtime_ns(),
                                                  .entropy = host_entropy(),
                                                  .environment = {{"AWS_LAMBDA_LOG_STREAM_NAME", "s"}}},
                                                 soon());
    EXPECT_TRUE(restored) << restored.error().text() << guest->vm->console();
    std::printf("restore: spawn and state %.0f ms, clock and entropy %.0f ms\n", spawned, watch.lap());
    return guest;
  }

  static inline std::unique_ptr<TemporaryFolder> folder;
  static inline MicroVmSpec spec;
  static inline std::unique_ptr<Snapshot> snapshot;
};

TEST_F(BootRestore, ClonesShareTheInitAndNothingRandom) {
  auto first = clone();
  auto second = clone();
  Stopwatch watch;
  const auto a = first->response("r-1", {{"n", 1}});
  std::printf("first invocation %.0f ms\n", watch.lap());
  const auto warm = first->response("r-2", {{"n", 2}});
  std::printf("second invocation %.0f ms\n", watch.lap());
  const auto b = second->response("r-1", {{"n", 1}});
  EXPECT_EQ(a["event"]["n"], 1);
  EXPECT_EQ(a["count"], 1);
  EXPECT_EQ(warm["count"], 2);
  EXPECT_EQ(b["count"], 1);
  EXPECT_EQ(a["name"], "f");
  EXPECT_EQ(a["stream"], "s");
  for (const char* member : {"random", "uuid", "urandom", "ssl"})
    EXPECT_NE(a[member], b[member]) << member;
  EXPECT_GT(a["remaining"], 5000);
  EXPECT_NE(first->log.find("handled r-1\n"), std::string::npos) << first->log;
}

TEST_F(BootRestore, ClonesDifferInPortsAndKernelUuidsAndHaveTheTimeOfTheirRestore) {
  auto first = clone();
  const auto a = first->response("r-1", {{"action", "clone"}});
  // Restored later, so that a clock which came with the snapshot would show.
  auto second = clone();
  const auto b = second->response("r-1", {{"action", "clone"}});
  // A TCP client's first port to a peer comes from a secret of the boot, which clones share, the next ones from random
  // steps. netd tells clones apart by their slots' port blocks, whatever ports they take.
  EXPECT_NE(a["tcp"], b["tcp"]);
  EXPECT_NE(a["udp"], b["udp"]);
  EXPECT_NE(a["kernel_uuid"], b["kernel_uuid"]);
  EXPECT_NE(a["uuid1"], b["uuid1"]);
  EXPECT_GT(b["time"], a["time"]);
  EXPECT_NEAR(b["time"].get<double>(), static_cast<double>(realtime_ns()) / 1e9, 5);
  // What init computed is the same, as it is for environments that Lambda restores.
  EXPECT_EQ(a["hash"], b["hash"]);
  EXPECT_EQ(a["pid"], b["pid"]);
  std::printf("ports: tcp %s / %s\n", a["tcp"].dump().c_str(), b["tcp"].dump().c_str());
}

TEST_F(BootRestore, ManyClonesStartAtOnce) {
  std::vector<nlohmann::json> answers(6);
  std::vector<std::thread> threads;
  for (nlohmann::json& answer : answers) {
    threads.emplace_back([&answer] { answer = clone()->response("r-1", nlohmann::json::object()); });
  }
  for (std::thread& thread : threads)
    thread.join();
  for (const char* member : {"random", "uuid", "urandom", "ssl"}) {
    std::set<nlohmann::json> seen;
    for (const nlohmann::json& answer : answers)
      seen.insert(answer.at(member));
    EXPECT_EQ(seen.size(), answers.size()) << member;
  }
}

TEST_F(BootRestore, TheClockIsTheHostsAfterARestoreAndAfterAThaw) {
  auto guest = clone();
  const auto skew = [&guest](const char* id) {
    const double guest_time = guest->response(id, nlohmann::json::object())["time"];
    return std::abs(guest_time - static_cast<double>(realtime_ns()) / 1e9);
  };
  EXPECT_LT(skew("r-1"), 1.0);
  ASSERT_TRUE(guest->vm->pause());
  ASSERT_TRUE(guest->vm->resume());
  // A clock that is off shows that it is set at all.
  const std::int64_t hour_ns = 3'600'000'000'000;
  ASSERT_TRUE(guest->agent->thawed({.clock_ns = realtime_ns() - hour_ns}, soon()));
  EXPECT_NEAR(skew("r-2"), 3600, 1);
  ASSERT_TRUE(guest->agent->thawed({.clock_ns = realtime_ns()}, soon()));
  EXPECT_LT(skew("r-3"), 1.0);
}

TEST_F(BootRestore, TheHandlerHasNoPrivilegesAndLambdasEnvironment) {
  auto guest = clone();
  auto process = guest->response("r-1", {{"action", "process"}});
  EXPECT_EQ(process["uid"], 993);
  EXPECT_EQ(process["groups"], nlohmann::json::array());
  EXPECT_EQ(process["CapEff"], "0000000000000000");
  EXPECT_EQ(process["CapBnd"], "0000000000000000");
  EXPECT_EQ(process["NoNewPrivs"], "1");
  EXPECT_EQ(process["root"], "Read-only file system");
  EXPECT_EQ(process["port"], "Permission denied");
  auto environment = process["env"];
  EXPECT_EQ(environment["_HANDLER"], "app.handler");
  EXPECT_EQ(environment["AWS_LAMBDA_RUNTIME_API"], "127.0.0.1:9001");
  EXPECT_EQ(environment["LAMBDA_TASK_ROOT"], "/var/task");
  EXPECT_EQ(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
  EXPECT_EQ(environment["TZ"], ":UTC");
  EXPECT_EQ(environment["STAGE"], "test");
  EXPECT_EQ(environment["_X_AMZN_TRACE_ID"], "Root=1-2-3");
}

TEST_F(BootRestore, AnErrorOfTheHandlerIsReportedAndTheNextEventServed) {
  auto guest = clone();
  const auto result = guest->invoke("r-1", {{"action", "raise"}});
  const auto& error = std::get<agent::InvokeError>(result);
  EXPECT_EQ(error.kind, agent::ErrorKind::kHandled);
  EXPECT_EQ(error.error_type, "ValueError");
  const auto payload = nlohmann::json::parse(error.payload);
  EXPECT_EQ(payload["errorMessage"], "no such luck");
  EXPECT_EQ(payload["errorType"], "ValueError");
  EXPECT_NE(payload["stackTrace"][0].get<std::string>().find("/var/task/app.py"), std::string::npos)
      << payload;
  EXPECT_NE(guest->log.find("[ERROR] ValueError: no such luck"), std::string::npos) << guest->log;
  EXPECT_EQ(guest->response("r-2", nlohmann::json::object())["count"], 2);
}

TEST_F(BootRestore, AnExitIsReportedAndTheRuntimeStartedAgain) {
  auto guest = clone();
  const auto result = guest->invoke("r-1", {{"action", "exit"}});
  const auto& error = std::get<agent::InvokeError>(result);
  EXPECT_EQ(error.kind, agent::ErrorKind::kExit);
  EXPECT_EQ(error.error_type, "Runtime.ExitError");
  EXPECT_EQ(nlohmann::json::parse(error.payload)["errorMessage"],
            "RequestId: r-1 Error: Runtime exited with error: exit status 3");
  EXPECT_EQ(guest->response("r-2", nlohmann::json::object())["count"], 1);
}

TEST_F(BootRestore, OutOfMemoryEndsTheRuntimeOnly) {
  auto guest = clone();
  const auto result = guest->invoke("r-1", {{"action", "allocate"}, {"mebibytes", 400}});
  const auto& error = std::get<agent::InvokeError>(result);
  EXPECT_EQ(error.kind, agent::ErrorKind::kExit);
  EXPECT_EQ(nlohmann::json::parse(error.payload)["errorMessage"],
            "RequestId: r-1 Error: Runtime exited with error: signal: killed");
  EXPECT_EQ(guest->response("r-2", nlohmann::json::object())["count"], 1);
}

TEST_F(BootRestore, AfterATimeoutResetStartsTheRuntimeAgainAndKeepsTmp) {
  auto guest = clone();
  guest->response("r-1", {{"action", "write"}, {"text", "t"}});
  agent::Invoke request{.request_id = "r-2", .payload = R"({"action":"sleep","seconds":600})"};
  const auto late = guest->agent->invoke(request, Clock::now() + 500ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "Timeout");
  const auto reset = guest->agent->reset(soon());
  ASSERT_TRUE(reset) << reset.error().text();
  const auto after = guest->response("r-3", nlohmann::json::object());
  EXPECT_EQ(after["count"], 1);
  EXPECT_EQ(after["kept"], true);
  EXPECT_EQ(after["stream"], "s");
}

TEST_F(BootRestore, AResponseMayHaveSixMegabytesAndNoMore) {
  auto guest = clone();
  // The JSON text has two quotes more.
  const auto largest = guest->invoke("r-1", {{"action", "large"}, {"bytes", agent::kMaxPayloadBytes - 2}});
  ASSERT_TRUE(std::holds_alternative<agent::Response>(largest));
  EXPECT_EQ(std::get<agent::Response>(largest).payload.size(), agent::kMaxPayloadBytes);
  const auto too_large = guest->invoke("r-2", {{"action", "large"}, {"bytes", agent::kMaxPayloadBytes - 1}});
  ASSERT_TRUE(std::holds_alternative<agent::InvokeError>(too_large));
  EXPECT_EQ(std::get<agent::InvokeError>(too_large).error_type, "Function.ResponseSizeTooLarge");
  EXPECT_EQ(guest->response("r-3", nlohmann::json::object())["count"], 3);
}

TEST_F(BootRestore, ALogFloodArrivesWholeAndInOrder) {
  auto guest = clone();
  guest->response("r-1", {{"action", "flood"}, {"lines", 20'000}});
  EXPECT_EQ(std::count(guest->log.begin(), guest->log.end(), 'y'), 20'000 * 99);
  EXPECT_TRUE(guest->log.ends_with("handled r-1\n"));
}

TEST_F(BootRestore, AnInitErrorIsReportedInLambdasShape) {
  auto broken = spec_with(make_drive(*folder, "broken", "app.py", "import nothing_like_that\n"));
  broken.drives.push_back({"layer1", make_drive(*folder, "layer1", "a", "one")});
  auto guest = booted(broken, /*share_memory=*/false);
  const auto result = guest->agent->init(init_request(), soon());
  ASSERT_TRUE(result) << result.error().text();
  const auto* error = std::get_if<agent::InitError>(&result.value());
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->error_type, "Runtime.ImportModuleError");
  const auto payload = nlohmann::json::parse(error->payload);
  EXPECT_EQ(payload["errorMessage"], "Unable to import module 'app': No module named 'nothing_like_that'");
  // Not booted to be snapshotted.
  EXPECT_EQ(guest->vm->snapshot().error().code, "InvalidState");
}

TEST_F(BootRestore, LaterLayersHideEarlierOnes) {
  auto layered = spec_with(make_drive(*folder, "layered", "app.py", kCode));
  layered.drives.push_back({"layer1", make_drive(*folder, "first", "a", "one")});
  layered.drives.push_back({"layer2", make_drive(*folder, "second", "a", "two")});
  auto guest = initialised(layered, /*share_memory=*/false);
  EXPECT_EQ(guest->response("r-1", {{"action", "process"}})["layer"], "two");
}

}  // namespace
}  // namespace caisson::vmm::test

// runnerd: functions, their environments, and the Lambda API. This file only reads options and wires the parts.
//
// The daemon is made to be killed: what must last is in the registry before it is acknowledged, microVMs and helpers
// die with their parent, and a start prunes what a predecessor left.
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/http/metrics.hh"
#include "base/limits.hh"
#include "base/lock.hh"
#include "base/log.hh"
#include "base/request_scope.hh"
#include "base/service.hh"
#include "runner/api/lambda_api.hh"
#include "runner/api/server.hh"
#include "runner/auth/authenticate.hh"
#include "runner/auth/key_service.hh"
#include "runner/functions/code_store.hh"
#include "runner/functions/registry.hh"
#include "runner/invoke/ca_certificate.hh"
#include "runner/invoke/deployer.hh"
#include "runner/invoke/images.hh"
#include "runner/invoke/invoker.hh"
#include "runner/invoke/limits.hh"
#include "runner/invoke/micro_vm_environment.hh"
#include "runner/invoke/netd_link.hh"
#include "runner/metrics/metrics.hh"
#include "runner/options.hh"
#include "runner/pool/pool.hh"
#include "runner/privileges.hh"
#include "vmm/cgroup.hh"
#include "vmm/micro_vm.hh"
#include "vmm/spawn.hh"

namespace caisson::runner {
namespace {

/// Until a killed predecessor's last child, which had not yet become its program, is gone.
constexpr std::chrono::seconds kPredecessorsEnd{2};

void complete(Options& options) {
  const std::string suffix = options.instance.empty() ? "caisson" : "caisson-" + options.instance;
  if (options.state_dir.empty()) options.state_dir = "/var/lib/" + suffix;
  if (options.run_dir.empty()) options.run_dir = "/run/" + suffix;
  if (options.memory_mib == 0) {
    const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
    options.memory_mib = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / (1024 * 1024) * 3 / 4;
  }
}

Status make_folder(const std::string& path, ::mode_t mode) {
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  if (::mkdir(path.c_str(), mode) != 0)
    return errno == EEXIST ? Status(ok()) : Error::system(errno, "make folder", path);
  // The process's umask would take the others' bits away.
  if (::chmod(path.c_str(), mode) != 0) return Error::system(errno, "set the mode of", path);
  return ok();
}

Result<std::pair<std::string, unsigned short>> parse_listen(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
      std::stoul(port) > 65535) {
    return Error{.code = "BadOption", .message = "--listen wants ADDRESS:PORT, not " + text};
  }
  return std::pair{text.substr(0, colon), static_cast<unsigned short>(std::stoul(port))};
}

PoolSettings pool_settings(const Options& options, vmm::Accelerator accelerator, Metrics& metrics) {
  PoolSettings settings;
  settings.environment_bytes = [accelerator](int memory_mib) {
    return environment_bytes(memory_mib, accelerator);
  };
  // One user of the range is for helpers.
  const std::size_t users = options.uid_count - 1;
  settings.limits = {.environments = std::min(options.max_environments, users),
                     .by_users = users < options.max_environments,
                     .memory_bytes = options.memory_mib << 20};
  settings.ages = {.freeze_after = std::chrono::milliseconds(options.freeze_after_ms),
                   .reclaim_after = std::chrono::seconds(options.reclaim_after_s)};
  settings.snapshot_bytes = options.snapshot_mib << 20;
  settings.on_exhausted = [&metrics](const char* what) { metrics.count_exhausted(what); };
  settings.on_start = [&metrics](const char* what, double seconds, bool succeeded) {
    metrics.count_start(what, seconds, succeeded);
  };
  return settings;
}

std::string health(vmm::Accelerator accelerator, const Images& images, const NetdLink& netd,
                   const Pool& pool) {
  const PoolStats stats = pool.stats();
  return nlohmann::json{{"status", netd.is_connected() ? "ok" : "degraded"},
                        {"accelerator", accelerator == vmm::Accelerator::kKvm ? "kvm" : "tcg"},
                        {"netd", netd.is_connected() ? "connected" : "disconnected"},
                        {"runtimes", images.offer().runtimes},
                        {"environments", stats.environments},
                        {"snapshots", stats.snapshots}}
      .dump();
}

/// Waits for SIGTERM or SIGINT, which all threads have blocked.
void stop_on_signal(Server& server) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  int caught = 0;
  (void)::sigwait(&signals, &caught);
  spdlog::info("stopping");
  service::notify("STOPPING=1");
  server.stop();
}

void block_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  (void)::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)::signal(SIGPIPE, SIG_IGN);
}

Result<CodeStore> open_code_store(const Options& options, const vmm::CgroupTree& cgroups) {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  // Beside us in a build folder, in libexec when installed.
  auto unzip = self.parent_path() / "caisson-unzip";
  if (!std::filesystem::exists(unzip, failed))
    unzip = self.parent_path().parent_path() / "libexec/caisson/caisson-unzip";
  return CodeStore::open(options.state_dir + "/code", {.unzip = unzip.string(),
                                                       .uid = options.uid_base + options.uid_count - 1,
                                                       .cgroup = cgroups.helpers_fd(),
                                                       .cpus = vmm::set_of(cgroups.layout().cpus.others)});
}

Status run(const Options& options) {
  TRYV(raise_descriptor_limit());
  auto passed = service::take_listeners();
  const bool socket_is_ours = std::ranges::none_of(
      passed, [](const Fd& socket) { return service::kind_of(socket) == service::Listener::kStreamUnix; });
  TRYV(make_folder(options.state_dir, 0700));
  // The state folder itself is netd's to lock.
  TRYV(make_folder(options.state_dir + "/code", 0700));
  TRY(const Fd code_lock, lock_folder(options.state_dir + "/code", kPredecessorsEnd));
  TRYV(make_folder(options.run_dir, 0755));
  TRY(const Images images, find_images(options.images));
  TRY(const std::string ca_certificate, read_ca_certificates(options.ca_certificates));
  TRY(const auto address, parse_listen(options.listen));
  // While we may still write where the kernel lets no owner write, in the hierarchies' roots.
  TRY(const auto cgroups,
      vmm::CgroupTree::open(options.instance.empty() ? "caisson" : "caisson-" + options.instance,
                            options.reserved_cpus));
  if (cgroups->layout().cpus.reserved.empty())
    spdlog::info("no CPUs are reserved: long invocations may delay short ones");
  TRYV(cgroups->start_cleaner());
  TRYV(cgroups->enter());
  TRYV(keep_only_needed_capabilities());
  TRYV(become_only(options.uid_base, options.uid_base + options.uid_count - 1));
  TRY(const auto registry, Registry::open(options.state_dir + "/runner.db"));
  TRY(const CodeStore code, open_code_store(options, *cgroups));

  TRYV(vmm::check_isolation(options.uid_base));
  const vmm::Accelerator accelerator = vmm::probe_accelerator(images.kernel, images.initrd, options.uid_base);
  const bool slow = accelerator == vmm::Accelerator::kTcg;
  spdlog::info("accelerator: {}", slow ? "tcg" : "kvm");

  Metrics metrics;
  UidRange uids(options.uid_base, options.uid_count - 1);
  boost::asio::thread_pool background(options.preparations);
  std::once_flag recovered;
  Deployer* deployer_pointer = nullptr;
  std::mutex starting;  // held until all parts are there: the link may be connected before
  std::unique_lock start_lock(starting);
  NetdLink netd(options.run_dir + "/attach.sock", [&] {
    const std::lock_guard lock(starting);
    std::call_once(recovered, [&] { deployer_pointer->recover(); });
  });
  const auto init_timeout = std::chrono::seconds(options.init_timeout_s != 0 ? options.init_timeout_s
                                                 : slow                      ? 60
                                                                             : 10);
  const std::uint32_t min_cpu = options.min_cpu_percent.value_or(slow ? 50 : 0);
  MicroVmFactory factory(netd, images, uids, *cgroups,
                         {.region = options.region,
                          .accelerator = accelerator,
                          .ca_certificate = ca_certificate,
                          .min_cpu_millis = min_cpu * 10,
                          .init_timeout = init_timeout,
                          .agent_timeout = std::chrono::seconds(slow ? 20 : 5),
                          .on_restore_phase = [&metrics](const char* phase, double seconds) {
                            metrics.count_restore_phase(phase, seconds);
                          }});
  const PoolSettings pooled = pool_settings(options, accelerator, metrics);
  if (pooled.limits.by_users) {
    spdlog::warn("--uid-count {} has users for {} environments, fewer than --max-environments {}",
                 options.uid_count, pooled.limits.environments, options.max_environments);
  }
  Pool pool(factory, pooled);
  Deployer deployer({.registry = *registry,
                     .code = code,
                     .factory = factory,
                     .pool = pool,
                     .region = options.region,
                     .offer = images.offer(),
                     .code_storage_bytes = options.code_storage_mib << 20U,
                     .background = [&](std::function<void()> job) {
                       boost::asio::post(background, [id = current_request_id(), job = std::move(job)] {
                         const RequestScope scope(id);
                         job();
                       });
                     }});
  deployer_pointer = &deployer;
  Invoker invoker(deployer, pool, [&](const InvokeRecord& record) {
    metrics.count_invocation(record);
    spdlog::info("invocation: {}, environment {}, in {} us", record.result, text(record.start),
                 record.total.count());
  });
  Server* server_pointer = nullptr;  // set before the first request is read
  KeyService keys(options.run_dir + "/attach.sock");
  LambdaApi api({.registry = *registry,
                 .deployer = deployer,
                 .invoker = invoker,
                 .region = options.region,
                 .offer = images.offer(),
                 .authenticate =
                     [&](const HttpRequest& request) {
                       return authenticate({.method = request.method,
                                            .target = request.target,
                                            .headers = request.headers,
                                            .body_sha256 = sigv4::sha256_hex(request.body)},
                                           options.region, request.received,
                                           [&](const std::string& access_key_id, const sigv4::Scope& scope) {
                                             return keys.find(access_key_id, scope);
                                           });
                     },
                 .metrics =
                     [&] {
                       return metrics.text(pool.stats(), netd.is_connected()) +
                              http::metrics_text(server_pointer->stats());
                     },
                 .health = [&] { return health(accelerator, images, netd, pool); },
                 .count = [&](const std::string& operation,
                              unsigned status) { metrics.count_request(operation, status); }});
  TRY(const auto server,
      Server::listen({.address = address.first,
                      .port = address.second,
                      .socket_path = options.run_dir + "/runner.sock",
                      .invocations = options.max_environments,
                      .handle = [&](const HttpRequest& request) { return api.handle(request); },
                      .is_invocation = &LambdaApi::is_invocation,
                      .body_limit = &LambdaApi::body_limit,
                      .refuse =
                          [&metrics](http::Refusal why, const HttpRequest& request) {
                            // As many invocations are in progress as there may be environments.
                            if (why == http::Refusal::kBusy && LambdaApi::is_invocation(request))
                              metrics.count_exhausted("environments");
                            return LambdaApi::refuse(why, request);
                          }},
                     std::move(passed)));
  server_pointer = server.get();
  start_lock.unlock();
  std::thread stopper([&] { stop_on_signal(*server); });
  spdlog::info("serving on {} and {}/runner.sock", options.listen, options.run_dir);
  if (const auto interval = service::watchdog_interval())
    server->every(*interval / 2, [] { service::notify("WATCHDOG=1"); });
  service::notify("READY=1");
  server->run();
  // Slots go back in order where that is quick; an invocation or a preparation that runs on ends with the process.
  (void)pool.shut_down(std::chrono::seconds(2));
  if (socket_is_ours) (void)::unlink((options.run_dir + "/runner.sock").c_str());
  spdlog::shutdown();
  std::_Exit(0);
}

}  // namespace
}  // namespace caisson::runner

int main(int argc, char** argv) {
  using namespace caisson::runner;
  Options options;
  CLI::App app(kPurpose, "runnerd");
  describe(app, options);
  CLI11_PARSE(app, argc, argv);
  if (options.operations) {
    std::cout << LambdaApi::operations();
    return 0;
  }
  complete(options);
  block_signals();
  (void)::umask(0077);  // functions' variables are in the registry
  caisson::Status status =
      caisson::log::set_up({.program = "runnerd", .format = options.log_format, .level = options.log_level});
  if (status) status = run(options);
  if (status) return 0;
  spdlog::critical("{}", status.error().text());
  return 1;
}

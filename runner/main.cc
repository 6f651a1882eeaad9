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
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/http/metrics.hh"
#include "base/instance.hh"
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
#include "runner/invoke/micro_vm_environment.hh"
#include "runner/invoke/netd_link.hh"
#include "runner/metrics/metrics.hh"
#include "runner/options.hh"
#include "runner/pool/pool.hh"
#include "runner/privileges.hh"
#include "runner/settings.hh"
#include "vmm/cgroup.hh"
#include "vmm/micro_vm.hh"
#include "vmm/spawn.hh"

namespace caisson::runner {
namespace {

/// Until a killed predecessor's last child, which had not yet become its program, is gone.
constexpr std::chrono::seconds kPredecessorsEnd{2};

Status make_folders(const std::string& path, ::mode_t mode) {
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  return make_folder(path, mode);
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

/// What there is before the first microVM; what needs more of root's rights than runnerd keeps.
struct Ground {
  Fd code_lock;
  Images images;
  std::string ca_certificate;
  std::unique_ptr<vmm::CgroupTree> cgroups;
  std::unique_ptr<Registry> registry;
  CodeStore code;
  vmm::Accelerator accelerator = vmm::Accelerator::kTcg;
};

Result<std::unique_ptr<vmm::CgroupTree>> enter_cgroups(const Options& options) {
  // While we may still write where the kernel lets no owner write, in the hierarchies' roots.
  TRY(auto cgroups, vmm::CgroupTree::open(instance_name(options.instance), options.reserved_cpus));
  if (cgroups->layout().cpus.reserved.empty())
    spdlog::info("no CPUs are reserved: long invocations may delay short ones");
  TRYV(cgroups->start_cleaner());
  TRYV(cgroups->enter());
  return cgroups;
}

Result<Ground> lay_ground(const Options& options) {
  TRYV(make_folders(options.state_dir, 0700));
  // The state folder itself is netd's to lock.
  TRYV(make_folders(options.state_dir + "/code", 0700));
  TRY(Fd code_lock, lock_folder(options.state_dir + "/code", kPredecessorsEnd));
  TRYV(make_folders(options.run_dir, 0755));
  TRY(Images images, find_images(options.images));
  TRY(std::string ca_certificate, read_ca_certificates(options.ca_certificates));
  TRY(auto cgroups, enter_cgroups(options));
  TRYV(keep_only_needed_capabilities());
  TRYV(become_only(options.uid_base, options.uid_base + options.uid_count - 1));
  TRY(auto registry, Registry::open(options.state_dir + "/runner.db"));
  TRY(CodeStore code, open_code_store(options, *cgroups));
  TRYV(vmm::check_isolation(options.uid_base));
  const auto accelerator = vmm::probe_accelerator(images.kernel, images.initrd, options.uid_base);
  spdlog::info("accelerator: {}", accelerator == vmm::Accelerator::kTcg ? "tcg" : "kvm");
  return Ground{.code_lock = std::move(code_lock),
                .images = std::move(images),
                .ca_certificate = std::move(ca_certificate),
                .cgroups = std::move(cgroups),
                .registry = std::move(registry),
                .code = std::move(code),
                .accelerator = accelerator};
}

/// The parts, each made of those before it.
class Runner {
 public:
  Runner(const Options& options, const Ground& ground)
      : options_(options),
        ground_(ground),
        uids_(options.uid_base, options.uid_count - 1),
        background_(options.preparations),
        netd_(options.run_dir + "/attach.sock", [this] { recover(); }),
        factory_(netd_, ground.images, uids_, *ground.cgroups, of_factory()),
        pool_(factory_, of_pool()),
        deployer_(of_deployer()),
        invoker_(deployer_, pool_, [this](const InvokeRecord& record) { note(record); }),
        keys_(options.run_dir + "/attach.sock"),
        api_(of_api()) {}
  ~Runner() { enter(Stage::kEnding); }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Status listen(const SocketAddress& address, std::vector<Fd> passed) {
    TRY(server_, Server::listen(of_server(address), std::move(passed)));
    return ok();
  }

  /// Until a signal.
  void serve() {
    enter(Stage::kServing);
    std::thread([this] { stop_on_signal(*server_); }).detach();
    spdlog::info("serving on {} and {}/runner.sock", options_.listen, options_.run_dir);
    if (const auto interval = service::watchdog_interval())
      server_->every(*interval / 2, [] { service::notify("WATCHDOG=1"); });
    service::notify("READY=1");
    server_->run();
    // Slots go back in order where that is quick; an invocation or a preparation that runs on ends with the process.
    (void)pool_.shut_down(std::chrono::seconds(2));
  }

 private:
  enum class Stage { kStarting, kServing, kEnding };

  void enter(Stage stage) {
    const std::lock_guard lock(stage_mutex_);
    stage_ = stage;
    stage_changed_.notify_all();
  }

  /// netd may be found before all parts are there.
  void recover() {
    std::unique_lock lock(stage_mutex_);
    stage_changed_.wait(lock, [this] { return stage_ != Stage::kStarting; });
    if (stage_ == Stage::kServing) std::call_once(recovered_, [this] { deployer_.recover(); });
  }

  void note(const InvokeRecord& record) {
    metrics_.count_invocation(record);
    spdlog::info("invocation: {}, environment {}, in {} us", record.result, text(record.start),
                 record.total.count());
  }

  MicroVmSettings of_factory() {
    MicroVmSettings settings = micro_vm_settings(options_, ground_.accelerator);
    settings.ca_certificate = ground_.ca_certificate;
    settings.on_restore_phase = [this](const char* phase, double seconds) {
      metrics_.count_restore_phase(phase, seconds);
    };
    return settings;
  }

  PoolSettings of_pool() {
    PoolSettings settings = pool_settings(options_, ground_.accelerator);
    settings.on_exhausted = [this](const char* what) { metrics_.count_exhausted(what); };
    settings.on_start = [this](const char* what, double seconds, bool succeeded) {
      metrics_.count_start(what, seconds, succeeded);
    };
    if (settings.limits.by_users) {
      spdlog::warn("--uid-count {} has users for {} environments, fewer than --max-environments {}",
                   options_.uid_count, settings.limits.environments, options_.max_environments);
    }
    return settings;
  }

  Deployer::Parts of_deployer() {
    return {.registry = *ground_.registry,
            .code = ground_.code,
            .factory = factory_,
            .pool = pool_,
            .region = options_.region,
            .offer = ground_.images.offer(),
            .code_storage_bytes = options_.code_storage_mib << 20U,
            .background = [this](std::function<void()> job) {
              boost::asio::post(background_, [id = current_request_id(), job = std::move(job)] {
                const RequestScope scope(id);
                job();
              });
            }};
  }

  Result<std::string> account_of(const HttpRequest& request) {
    return authenticate({.method = request.method,
                         .target = request.target,
                         .headers = request.headers,
                         .body_sha256 = sigv4::sha256_hex(request.body)},
                        options_.region, request.received,
                        [this](const std::string& access_key_id, const sigv4::Scope& scope) {
                          return keys_.find(access_key_id, scope);
                        });
  }

  LambdaApi::Parts of_api() {
    return {.registry = *ground_.registry,
            .deployer = deployer_,
            .invoker = invoker_,
            .region = options_.region,
            .offer = ground_.images.offer(),
            .authenticate = [this](const HttpRequest& request) { return account_of(request); },
            .metrics =
                [this] {
                  return metrics_.text(pool_.stats(), netd_.is_connected()) +
                         http::metrics_text(server_->stats());
                },
            .health = [this] { return health(ground_.accelerator, ground_.images, netd_, pool_); },
            .count = [this](const std::string& operation,
                            unsigned status) { metrics_.count_request(operation, status); }};
  }

  HttpResponse refuse(http::Refusal why, const HttpRequest& request) {
    // As many invocations are in progress as there may be environments.
    if (why == http::Refusal::kBusy && LambdaApi::is_invocation(request))
      metrics_.count_exhausted("environments");
    return LambdaApi::refuse(why, request);
  }

  ServerSettings of_server(const SocketAddress& address) {
    return {.address = address.address,
            .port = address.port,
            .socket_path = options_.run_dir + "/runner.sock",
            .invocations = options_.max_environments,
            .handle = [this](const HttpRequest& request) { return api_.handle(request); },
            .is_invocation = &LambdaApi::is_invocation,
            .body_limit = &LambdaApi::body_limit,
            .refuse = [this](http::Refusal why, const HttpRequest& request) { return refuse(why, request); }};
  }

  const Options& options_;
  const Ground& ground_;
  std::mutex stage_mutex_;
  std::condition_variable stage_changed_;
  Stage stage_ = Stage::kStarting;
  std::once_flag recovered_;
  Metrics metrics_;
  UidRange uids_;
  boost::asio::thread_pool background_;
  NetdLink netd_;
  MicroVmFactory factory_;
  Pool pool_;
  Deployer deployer_;
  Invoker invoker_;
  KeyService keys_;
  LambdaApi api_;
  std::unique_ptr<Server> server_;
};

Status run(const Options& options) {
  TRYV(raise_descriptor_limit());
  auto passed = service::take_listeners();
  const bool socket_is_ours = std::ranges::none_of(
      passed, [](const Fd& socket) { return service::kind_of(socket) == service::Listener::kStreamUnix; });
  TRY(const auto address, parse_socket_address("--listen", options.listen));
  TRY(const Ground ground, lay_ground(options));
  Runner runner(options, ground);
  TRYV(runner.listen(address, std::move(passed)));
  runner.serve();
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

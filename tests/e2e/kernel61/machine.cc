#include "tests/e2e/kernel61/machine.hh"

#include <array>
#include <cstdio>
#include <set>
#include <sstream>

namespace caisson::kernel61 {
namespace {

namespace fs = std::filesystem;

// Those of the image's own libc: a libc and a dynamic linker of two builds don't fit together.
const std::set<std::string> kLibraries = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0",
                                          "librt.so.1"};

// Modules are loaded in an emulated machine.
constexpr std::chrono::seconds kSetUp(300);

void must_run(const std::string& command) {
  if (std::system(command.c_str()) == 0) return;
  ADD_FAILURE() << "failed: " << command;
  std::abort();
}

std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string text;
  std::array<char, 4096> chunk{};
  while (const auto count = std::fread(chunk.data(), 1, chunk.size(), pipe))
    text.append(chunk.data(), count);
  ::pclose(pipe);
  return text;
}

}  // namespace

Cargo::Cargo() : root_(folder_.path() / "task") {
  fs::create_directories(root_ + "/bin");
  fs::create_directories(root_ + "/lib");
  add_source("tests/e2e/kernel61/app.py");
  fs::rename(root_ + "/tests/e2e/kernel61/app.py", root_ + "/app.py");
}

std::string Cargo::add_program(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  const std::string target = root_ + "/bin/" + name;
  fs::copy_file(path, target, fs::copy_options::overwrite_existing);
  std::string magic(4, '\0');
  std::ifstream(path).read(magic.data(), 4);
  if (magic == "\177ELF" && fs::path(path).extension() != ".o") {
    must_run("strip --strip-debug '" + target + "'");
    add_libraries(path);
  }
  return "/var/task/bin/" + name;
}

void Cargo::add_libraries(const std::string& path) {
  std::istringstream lines(output_of("ldd '" + path + "' 2>/dev/null"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);  // "libnl-3.so.200 => /lib/x86_64-linux-gnu/libnl-3.so.200 (0x...)"
    std::string name;
    std::string arrow;
    std::string file;
    words >> name >> arrow >> file;
    if (arrow != "=>" || kLibraries.contains(name)) continue;
    fs::copy_file(file, root_ + "/lib/" + name, fs::copy_options::skip_existing);
  }
}

void Cargo::add_source(const std::string& path) {
  const fs::path target = fs::path(root_) / path;
  fs::create_directories(target.parent_path());
  fs::copy(fs::path(CAISSON_SOURCES) / path, target, fs::copy_options::recursive);
}

std::string Cargo::pack() {
  const std::string image = folder_.path() / "task.squashfs";
  must_run("mksquashfs '" + root_ + "' '" + image +
           "' -comp zstd -Xcompression-level 1 -all-root -quiet -no-progress >/dev/null");
  return image;
}

Machine::Machine(const std::string& cargo) {
  const vmm::MicroVmSpec spec{
      .kernel = vmm::test::image("tests/vmlinux"),
      .initrd = vmm::test::image("tests/initrd.cpio.gz"),
      .memory_mib = 1024,
      .drives = {{"root", vmm::test::image("tests/provided.root.squashfs")}, {"code", cargo}}};
  guest_ = vmm::test::booted(spec, /*share_memory=*/false);
  const auto ready = guest_->agent->init(vmm::test::init_request(), vmm::test::Clock::now() + kSetUp);
  if (ready && std::holds_alternative<vmm::agent::Initialized>(ready.value())) return;
  ADD_FAILURE() << (ready ? "the handler's set-up failed" : ready.error().text()) << "\nlog: " << guest_->log
                << "\nconsole: " << guest_->vm->console();
  std::abort();
}

int Machine::run(const std::vector<std::string>& argv, std::chrono::seconds timeout) {
  guest_->log.clear();
  const nlohmann::json event = {{"argv", argv}, {"timeout", timeout.count()}};
  const auto result = guest_->invoke("run-" + std::to_string(++runs_), event,
                                     vmm::test::Clock::now() + timeout + std::chrono::seconds(30));
  std::cout << guest_->log << std::flush;
  if (const auto* response = std::get_if<vmm::agent::Response>(&result)) {
    return nlohmann::json::parse(response->payload).get<int>();
  }
  ADD_FAILURE() << argv[0] << ": " << std::get<vmm::agent::InvokeError>(result).payload;
  return -1;
}

}  // namespace caisson::kernel61

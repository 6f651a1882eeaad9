#include "tests/support/datapath.hh"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "from_guest.skel.h"
#include "from_stack.skel.h"
#include "from_uplink.skel.h"
#include "to_guest.skel.h"
#include "vpc/compile/compile.hh"

namespace caisson::test {
namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "test datapath: %s: %s\n", what.c_str(), std::strerror(errno));
  std::abort();
}

void mount_bpffs() {
  struct statfs facts {};
  if (::statfs("/sys/fs/bpf", &facts) != 0) fail("look at /sys/fs/bpf");
  if (static_cast<unsigned long>(facts.f_type) == 0xcafe4a11UL) return;
  if (::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) != 0) fail("mount bpffs");
}

/// Named after the process, so that builds do not meet; what processes left that crashed is removed.
std::string new_folder(const std::string& name) {
  const std::string prefix = "caisson-test-" + name + "-";
  for (const auto& entry : std::filesystem::directory_iterator("/sys/fs/bpf")) {
    const std::string found = entry.path().filename();
    if (!found.starts_with(prefix)) continue;
    const int process = std::atoi(found.c_str() + prefix.size());
    if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) std::filesystem::remove_all(entry.path());
  }
  return "/sys/fs/bpf/" + prefix + std::to_string(::getpid());
}

}  // namespace

struct TestDatapath::Impl {
  std::string folder;
  from_guest* guest_out = nullptr;
  to_guest* guest_in = nullptr;
  from_stack* stack = nullptr;
  from_uplink* uplink = nullptr;
  std::map<vpc::NetworkInterfaceId, std::string> members;  ///< keys of their network interfaces

  [[nodiscard]] int map(const std::string& name) const {
    const int fd = bpf_object__find_map_fd_by_name(guest_out->obj, name.c_str());
    if (fd < 0) fail("map " + name);
    return fd;
  }

  [[nodiscard]] bpf_map_info info(const std::string& name) const {
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(map(name), &info, &size) != 0) fail("facts of map " + name);
    return info;
  }

  void clear(const std::string& name) const {
    std::string key(info(name).key_size, '\0');
    while (bpf_map_get_next_key(map(name), nullptr, key.data()) == 0) {
      if (bpf_map_delete_elem(map(name), key.data()) != 0) fail("empty map " + name);
    }
  }
};

TestDatapath::TestDatapath(const std::string& name) : impl_(std::make_unique<Impl>()) {
  mount_bpffs();
  impl_->folder = new_folder(name);
  if (::mkdir(impl_->folder.c_str(), 0700) != 0) fail("make " + impl_->folder);
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.pin_root_path = impl_->folder.c_str();
  impl_->guest_out = from_guest__open_opts(&options);
  impl_->guest_in = to_guest__open_opts(&options);
  impl_->stack = from_stack__open_opts(&options);
  impl_->uplink = from_uplink__open_opts(&options);
  if (from_guest__load(impl_->guest_out) != 0 || to_guest__load(impl_->guest_in) != 0 ||
      from_stack__load(impl_->stack) != 0 || from_uplink__load(impl_->uplink) != 0) {
    fail("load the programs");
  }
}

TestDatapath::~TestDatapath() {
  from_guest__destroy(impl_->guest_out);
  to_guest__destroy(impl_->guest_in);
  from_stack__destroy(impl_->stack);
  from_uplink__destroy(impl_->uplink);
  std::filesystem::remove_all(impl_->folder);
}

const std::string& TestDatapath::folder() const {
  return impl_->folder;
}

void TestDatapath::put(const std::string& map, const std::string& key, const std::string& value) {
  if (bpf_map_update_elem(impl_->map(map), key.data(), value.data(), BPF_ANY) != 0) fail("write map " + map);
}

std::string TestDatapath::get(const std::string& map, const std::string& key) const {
  std::string value(impl_->info(map).value_size, '\0');
  return bpf_map_lookup_elem(impl_->map(map), key.data(), value.data()) == 0 ? value : "";
}

void TestDatapath::put_tables(const vpc::State& state) {
  const auto desired = vpc::compile(state);
  netd::reconcile::Indexes indexes;
  for (const auto& [name, item] : desired.members) {
    indexes.emplace(name, kFirstPort + static_cast<std::uint32_t>(indexes.size()));
  }
  const auto tables = netd::reconcile::desired_tables(desired, indexes, {}, {*Ipv4Cidr::parse("10.0.0.0/8")});
  for (const auto& name : netd::reconcile::table_names()) {
    impl_->clear(name);
    for (const auto& [key, value] : tables.at(name)) {
      put(name, key, value);
    }
  }
  impl_->members.clear();
  for (const auto& [name, item] : desired.members) {
    impl_->members[item.interface] = tables.at("members").at(bytes_of(indexes.at(name)));
  }
}

void TestDatapath::fill(const vpc::State& state) {
  put_tables(state);
  forget();
}

void TestDatapath::refill(const vpc::State& state, const vpc::NetworkInterfaceId& member) {
  put_tables(state);
  use_member(member);
}

void TestDatapath::fill(const vpc::State& state, const vpc::NetworkInterfaceId& member) {
  fill(state);
  use_member(member);
}

void TestDatapath::use_member(const vpc::NetworkInterfaceId& member) {
  put("members", bytes_of(kDevice), impl_->members.at(member));
}

void TestDatapath::put_slot(const caisson_slot& slot) {
  put("slots", bytes_of(kDevice), bytes_of(slot));
  caisson_block_key key{};
  key.vpc = slot.vpc;
  std::memcpy(key.address, slot.address, sizeof key.address);
  key.block = slot.block;
  put("blocks", bytes_of(key), bytes_of(kDevice));
}

void TestDatapath::remove_slot() {
  impl_->clear("slots");
  impl_->clear("blocks");
}

Ran TestDatapath::run(Program program, const std::string& packet, std::uint32_t mark, int repeat) {
  const bpf_program* chosen = nullptr;
  switch (program) {
    case Program::kFromGuest:
      chosen = impl_->guest_out->progs.from_guest;
      break;
    case Program::kToGuest:
      chosen = impl_->guest_in->progs.to_guest;
      break;
    case Program::kFromStack:
      chosen = impl_->stack->progs.from_stack;
      break;
    case Program::kFromUplink:
      chosen = impl_->uplink->progs.from_uplink;
      break;
  }
  std::string out(packet.size() + 256, '\0');
  __sk_buff context{};
  context.ifindex = kDevice;
  context.mark = mark;
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = packet.data();
  options.data_size_in = static_cast<std::uint32_t>(packet.size());
  options.data_out = out.data();
  options.data_size_out = static_cast<std::uint32_t>(out.size());
  options.repeat = repeat;
  options.ctx_in = &context;
  options.ctx_size_in = sizeof context;
  options.ctx_out = &context;
  options.ctx_size_out = sizeof context;
  if (bpf_prog_test_run_opts(bpf_program__fd(chosen), &options) != 0) fail("run a program");
  out.resize(options.data_size_out);
  return {.action = static_cast<int>(options.retval),
          .packet = std::move(out),
          .mark = context.mark,
          .nanoseconds = options.duration};
}

std::map<std::string, std::string> TestDatapath::dump(const std::string& map) const {
  const auto facts = impl_->info(map);
  const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
  std::map<std::string, std::string> found;
  std::string key(facts.key_size, '\0');
  std::string next(facts.key_size, '\0');
  std::string value(facts.value_size * (facts.type == BPF_MAP_TYPE_PERCPU_HASH ? cpus : 1), '\0');
  const void* previous = nullptr;
  while (bpf_map_get_next_key(impl_->map(map), previous, next.data()) == 0) {
    key = next;
    previous = key.data();
    if (bpf_map_lookup_elem(impl_->map(map), key.data(), value.data()) == 0) found[key] = value;
  }
  return found;
}

std::vector<AuditRecord> TestDatapath::records() const {
  std::vector<AuditRecord> found;
  for (const auto& [key, value] : dump("flows")) {
    found.push_back({value_of<caisson_audit_key>(key), value_of<caisson_audit>(value)});
  }
  return found;
}

std::map<std::uint32_t, std::uint64_t> TestDatapath::all_drops() const {
  std::map<std::uint32_t, std::uint64_t> packets;
  for (const auto& [key, value] : dump("drops")) {
    for (std::size_t at = 0; at < value.size(); at += sizeof(caisson_drop)) {
      packets[value_of<caisson_drop_key>(key).reason] += value_of<caisson_drop>(value.substr(at)).packets;
    }
  }
  return packets;
}

void TestDatapath::forget_records() {
  impl_->clear("flows");
  impl_->clear("drops");
}

void TestDatapath::forget() {
  forget_records();
  impl_->clear("conntrack");
  impl_->clear("account_flows");
  impl_->clear("account_freed");
  impl_->clear("fragments");
}

caisson_slot slot_of(const vpc::State& state, const vpc::NetworkInterface& interface, std::uint16_t block,
                     std::uint32_t epoch) {
  caisson_slot slot{};
  slot.epoch = epoch;
  slot.vpc = state.vpcs.at(interface.vpc)->number;
  for (int i = 0; i < 4; ++i) {
    slot.address[i] = static_cast<std::uint8_t>(interface.address.value >> (24 - 8 * i));
  }
  slot.block = block;
  const std::string id = interface.id.text();
  std::ranges::copy(id, slot.eni);
  return slot;
}

}  // namespace caisson::test

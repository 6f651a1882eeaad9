#include "netd/kernel/bpf/datapath.hh"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <set>

#include "from_guest.skel.h"
#include "from_stack.skel.h"
#include "from_uplink.skel.h"
#include "netd/bpf/caisson_abi.h"
#include "to_guest.skel.h"

namespace caisson::netd::kernel {
namespace {

/// Entries in one call of the kernel.
constexpr std::size_t kBatch = 4096;
constexpr std::uint32_t kHandle = 1;
constexpr std::uint16_t kPriority = 1;

template <class Skeleton, void (*destroy)(Skeleton*)>
struct Destroyer {
  void operator()(Skeleton* skeleton) const { destroy(skeleton); }
};
using FromGuest = std::unique_ptr<from_guest, Destroyer<from_guest, from_guest__destroy>>;
using ToGuest = std::unique_ptr<to_guest, Destroyer<to_guest, to_guest__destroy>>;
using FromStack = std::unique_ptr<from_stack, Destroyer<from_stack, from_stack__destroy>>;
using FromUplink = std::unique_ptr<from_uplink, Destroyer<from_uplink, from_uplink__destroy>>;

template <class Skeleton, class Owner>
Status load_one(Skeleton* (*open)(const bpf_object_open_opts*), int (*load)(Skeleton*), const char* name,
                const std::string& folder, Owner& owner) {
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.pin_root_path = folder.c_str();
  owner.reset(open(&options));
  if (!owner) return Error::system(errno, "open program", name);
  const int code = load(owner.get());
  if (code == 0) return ok();
  Error error = Error::system(-code, "load program", name);
  if (code == -EINVAL) {
    error.message +=
        "; if a file below " + folder + " is not a map of this netd, end its microVMs and remove it";
  }
  return error;
}

std::uint32_t id_of(const bpf_program* program) {
  bpf_prog_info info{};
  __u32 size = sizeof info;
  return bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0 ? info.id : 0;
}

Status attach_program(std::uint32_t ifindex, const std::string& name, bpf_tc_attach_point point,
                      int program) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  if (const int code = bpf_tc_hook_create(&hook); code != 0 && code != -EEXIST) {
    return Error::system(-code, "make the clsact qdisc of", name);
  }
  hook.attach_point = point;
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.prog_fd = program;
  options.handle = kHandle;
  options.priority = kPriority;
  options.flags = BPF_TC_F_REPLACE;
  if (const int code = bpf_tc_attach(&hook, &options); code != 0) {
    return Error::system(-code, "attach a program to", name);
  }
  return ok();
}

int discard(libbpf_print_level, const char*, va_list) {
  return 0;
}

}  // namespace

Status make_pin_folder(const std::string& folder) {
  constexpr const char* kMount = "/sys/fs/bpf";
  struct statfs facts {};
  if (::statfs(kMount, &facts) != 0) return Error::system(errno, "look at", kMount);
  constexpr unsigned long kBpffs = 0xcafe4a11;
  if (static_cast<unsigned long>(facts.f_type) != kBpffs && ::mount("bpf", kMount, "bpf", 0, nullptr) != 0) {
    return Error::system(errno, "mount bpffs at", kMount);
  }
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return Error::system(errno, "make", folder);
  return ok();
}

struct Datapath::Impl {
  FromGuest from_guest;
  ToGuest to_guest;
  FromStack from_stack;
  FromUplink from_uplink;

  /// The programs' ids.
  struct {
    std::uint32_t from_guest = 0, to_guest = 0, from_stack = 0, from_uplink = 0;
  } programs;
  std::string folder;
  struct Map {
    int fd = -1;
    std::size_t key_size = 0;
    std::size_t value_size = 0;
    /// BPF_F_LOCK where values have a lock that the programs write under: without it they are copied while they change.
    __u64 read_flags = 0;
  };
  std::map<std::string, Map> maps;

  void add_maps(const bpf_object* object) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
      if (bpf_map__type(map) == BPF_MAP_TYPE_ARRAY) continue;  // the programs' own sections
      std::size_t size = bpf_map__value_size(map);
      if (bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_HASH || bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY) {
        size = (size + 7) / 8 * 8 * static_cast<std::size_t>(libbpf_num_possible_cpus());
      }
      const std::string name = bpf_map__name(map);
      maps[name] = {bpf_map__fd(map), bpf_map__key_size(map), size, name == "flows" ? __u64{BPF_F_LOCK} : 0};
    }
  }

  [[nodiscard]] const Map* find(const std::string& name) const {
    const auto found = maps.find(name);
    return found == maps.end() ? nullptr : &found->second;
  }
};

Datapath::Datapath(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Datapath::Datapath(Datapath&&) noexcept = default;
Datapath& Datapath::operator=(Datapath&&) noexcept = default;
Datapath::~Datapath() = default;

Result<Datapath> Datapath::load(const std::string& folder) {
  (void)libbpf_set_print(discard);
  auto impl = std::make_unique<Impl>();
  TRYV(load_one(from_guest__open_opts, from_guest__load, "from_guest", folder, impl->from_guest));
  TRYV(load_one(to_guest__open_opts, to_guest__load, "to_guest", folder, impl->to_guest));
  TRYV(load_one(from_stack__open_opts, from_stack__load, "from_stack", folder, impl->from_stack));
  TRYV(load_one(from_uplink__open_opts, from_uplink__load, "from_uplink", folder, impl->from_uplink));
  impl->programs = {.from_guest = id_of(impl->from_guest->progs.from_guest),
                    .to_guest = id_of(impl->to_guest->progs.to_guest),
                    .from_stack = id_of(impl->from_stack->progs.from_stack),
                    .from_uplink = id_of(impl->from_uplink->progs.from_uplink)};
  impl->folder = folder;
  impl->add_maps(impl->from_guest->obj);
  Datapath datapath(std::move(impl));
  TRYV(datapath.check_version());
  return datapath;
}

/// Keys and values of another layout must not be read as ours (libbpf itself refuses only other sizes).
Status Datapath::check_version() const {
  const std::uint32_t ours = CAISSON_ABI_VERSION;
  const std::string key(sizeof ours, '\0');
  const std::string version(reinterpret_cast<const char*>(&ours), sizeof ours);
  const std::string found = get("abi", key);
  if (found.empty()) return put("abi", key, version);
  if (found == version) return ok();
  return Error{.code = "EPROTO",
               .message = "the maps below " + impl_->folder +
                          " are of another version of netd; end its microVMs and remove the folder",
               .errno_value = EPROTO};
}

Status Datapath::attach(Hook hook, std::uint32_t ifindex, const std::string& name) {
  const auto* from = impl_->from_guest->progs.from_guest;
  switch (hook) {
    case Hook::kPort: {
      // The receiver's side first: nothing can be sent there before it is.
      const int to = bpf_program__fd(impl_->to_guest->progs.to_guest);
      TRYV(attach_program(ifindex, name, BPF_TC_EGRESS, to));
      return attach_program(ifindex, name, BPF_TC_INGRESS, bpf_program__fd(from));
    }
    case Hook::kExit:
      return attach_program(ifindex, name, BPF_TC_EGRESS,
                            bpf_program__fd(impl_->from_stack->progs.from_stack));
    case Hook::kUplink:
      return attach_program(ifindex, name, BPF_TC_INGRESS,
                            bpf_program__fd(impl_->from_uplink->progs.from_uplink));
  }
  return ok();
}

std::vector<Datapath::Attached> Datapath::attached(Hook hook, std::uint32_t ifindex) const {
  const auto at = [&](bool egress, std::uint32_t program) {
    return Attached{{ifindex, egress, kPriority, kHandle}, program};
  };
  switch (hook) {
    case Hook::kPort:
      return {at(false, impl_->programs.from_guest), at(true, impl_->programs.to_guest)};
    case Hook::kExit:
      return {at(true, impl_->programs.from_stack)};
    case Hook::kUplink:
      return {at(false, impl_->programs.from_uplink)};
  }
  return {};
}

Result<Datapath::Pins> Datapath::pins() const {
  Pins found;
  std::error_code failed;
  std::set<std::string> there;
  for (const auto& file : std::filesystem::directory_iterator(impl_->folder, failed)) {
    there.insert(file.path().filename());
  }
  if (failed) return Error::system(failed.value(), "list", impl_->folder);
  for (const auto& [name, map] : impl_->maps) {
    if (there.erase(name) == 0) found.missing.push_back(name);
  }
  found.unknown.assign(there.begin(), there.end());
  return found;
}

Status Datapath::pin(const std::string& map) const {
  const auto* found = impl_->find(map);
  const std::string path = impl_->folder + "/" + map;
  if (found == nullptr || bpf_obj_pin(found->fd, path.c_str()) != 0) return Error::system(errno, "pin", path);
  return ok();
}

Status Datapath::unpin(const std::string& file) const {
  const std::string path = impl_->folder + "/" + file;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::system(errno, "remove", path);
  return ok();
}

Result<std::map<std::string, std::string>> Datapath::dump(const std::string& map) const {
  std::map<std::string, std::string> content;
  TRYV(visit(map, [&](std::string_view key, std::string_view value) { content.emplace(key, value); }));
  return content;
}

Status Datapath::visit(const std::string& map, const Visitor& visitor) const {
  Cursor cursor;
  do {
    TRYV(visit_some(map, std::numeric_limits<std::size_t>::max(), cursor, visitor));
  } while (!cursor.empty());
  return ok();
}

Status Datapath::visit_some(const std::string& map, std::size_t entries, Cursor& cursor,
                            const Visitor& visitor) const {
  const auto* found = impl_->find(map);
  if (found == nullptr) return Error::system(ENOENT, "read map", map);
  // What the kernel keeps its place by: 4 bytes for hashes, the last key for tries.
  const std::size_t place = std::max(found->key_size, sizeof(std::uint32_t));
  std::string keys(found->key_size * kBatch, '\0');
  std::string values(found->value_size * kBatch, '\0');
  std::string next(place, '\0');
  std::size_t seen = 0;
  bpf_map_batch_opts options{};
  options.sz = sizeof options;
  options.elem_flags = found->read_flags;
  do {
    auto count = static_cast<__u32>(kBatch);
    const int code = bpf_map_lookup_batch(found->fd, cursor.empty() ? nullptr : cursor.data(), next.data(),
                                          keys.data(), values.data(), &count, &options);
    // ENOENT: that was the end. Others: a bucket that is longer than a batch, a trie that changed too often.
    if (code != 0 && code != -ENOENT) {
      cursor.clear();
      return visit_one_by_one(map, visitor);
    }
    for (std::size_t i = 0; i < count; ++i) {
      visitor(std::string_view(keys).substr(i * found->key_size, found->key_size),
              std::string_view(values).substr(i * found->value_size, found->value_size));
    }
    seen += count;
    cursor = code == 0 ? next : "";
  } while (!cursor.empty() && seen < entries);
  return ok();
}

Status Datapath::visit_one_by_one(const std::string& map, const Visitor& visitor) const {
  const auto* found = impl_->find(map);
  std::string key(found->key_size, '\0');
  std::string next(found->key_size, '\0');
  std::string value(found->value_size, '\0');
  const void* previous = nullptr;
  while (bpf_map_get_next_key(found->fd, previous, next.data()) == 0) {
    key = next;
    previous = key.data();
    if (bpf_map_lookup_elem_flags(found->fd, key.data(), value.data(), found->read_flags) == 0)
      visitor(key, value);
  }
  return ok();
}

Status Datapath::put_all(const std::string& map, const std::vector<Entry>& entries) const {
  const auto* found = impl_->find(map);
  if (found == nullptr) return Error::system(ENOENT, "write map", map);
  std::string keys;
  std::string values;
  for (std::size_t at = 0; at < entries.size(); at += kBatch) {
    const std::size_t end = std::min(entries.size(), at + kBatch);
    keys.clear();
    values.clear();
    for (std::size_t i = at; i < end; ++i) {
      if (entries[i].key.size() != found->key_size || entries[i].value.size() != found->value_size) {
        return Error::system(EINVAL, "write map", map);
      }
      keys += entries[i].key;
      values += entries[i].value;
    }
    auto count = static_cast<__u32>(end - at);
    if (bpf_map_update_batch(found->fd, keys.data(), values.data(), &count, nullptr) != 0) {
      return Error::system(errno, "write map", map);
    }
  }
  return ok();
}

Status Datapath::erase_all(const std::string& map, const std::vector<std::string>& wanted) const {
  const auto* found = impl_->find(map);
  if (found == nullptr) return Error::system(ENOENT, "write map", map);
  std::string keys;
  for (std::size_t at = 0; at < wanted.size(); at += kBatch) {
    const std::size_t end = std::min(wanted.size(), at + kBatch);
    keys.clear();
    for (std::size_t i = at; i < end; ++i) {
      if (wanted[i].size() != found->key_size) return Error::system(EINVAL, "write map", map);
      keys += wanted[i];
    }
    auto count = static_cast<__u32>(end - at);
    if (bpf_map_delete_batch(found->fd, keys.data(), &count, nullptr) == 0) continue;
    // A batch ends at the first key that is not there, which is none the worse for it.
    for (std::size_t i = at; i < end; ++i) {
      TRYV(erase(map, wanted[i]));
    }
  }
  return ok();
}

Status Datapath::put(const std::string& map, const std::string& key, const std::string& value) const {
  const auto* found = impl_->find(map);
  if (found == nullptr || key.size() != found->key_size || value.size() != found->value_size) {
    return Error::system(EINVAL, "write map", map);
  }
  if (bpf_map_update_elem(found->fd, key.data(), value.data(), BPF_ANY) != 0) {
    return Error::system(errno, "write map", map);
  }
  return ok();
}

Status Datapath::erase(const std::string& map, const std::string& key) const {
  const auto* found = impl_->find(map);
  if (found == nullptr || key.size() != found->key_size) return Error::system(EINVAL, "write map", map);
  if (bpf_map_delete_elem(found->fd, key.data()) != 0 && errno != ENOENT) {
    return Error::system(errno, "delete from map", map);
  }
  return ok();
}

std::string Datapath::get(const std::string& map, const std::string& key) const {
  const auto* found = impl_->find(map);
  if (found == nullptr || key.size() != found->key_size) return "";
  std::string value(found->value_size, '\0');
  const int code = bpf_map_lookup_elem_flags(found->fd, key.data(), value.data(), found->read_flags);
  return code == 0 ? value : "";
}

}  // namespace caisson::netd::kernel

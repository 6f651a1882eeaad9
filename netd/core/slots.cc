#include "netd/core/slots.hh"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/bytes.hh"
#include "netd/bpf/caisson_abi.h"
#include "netd/kernel/netlink/tap.hh"

namespace caisson::netd::core {
namespace {

caisson_slot slot_of(const std::string& bytes) {
  return value_of<caisson_slot>(bytes);
}

vpc::EniKey where_of(const caisson_slot& slot) {
  const auto& a = slot.address;
  return {slot.vpc,
          {static_cast<std::uint32_t>(a[0]) << 24 | static_cast<std::uint32_t>(a[1]) << 16 |
           static_cast<std::uint32_t>(a[2]) << 8 | a[3]}};
}

void put_address(__u8* bytes, Ipv4Address address) {
  for (int i = 0; i < 4; ++i) {
    bytes[i] = static_cast<__u8>(address.value >> (24 - 8 * i));
  }
}

std::string block_key(const vpc::EniKey& where, std::uint16_t block) {
  caisson_block_key key{};
  key.vpc = where.vpc;
  put_address(key.address, where.address);
  key.block = block;
  return bytes_of(key);
}

std::string eni_key(const vpc::EniKey& where) {
  caisson_eni_key key{};
  key.vpc = where.vpc;
  put_address(key.address, where.address);
  return bytes_of(key);
}

/// The latest epoch of which there is a flow: one of an earlier daemon must not become another owner's.
std::uint32_t latest_epoch(const kernel::Datapath& datapath) {
  std::uint32_t latest = 0;
  const auto flows = datapath.dump("conntrack");
  if (!flows) return latest;
  for (const auto& [key, value] : flows.value()) {
    latest = std::max(latest, value_of<caisson_conntrack>(value).epoch);
  }
  return latest;
}

}  // namespace

Slots::Slots(Fabric& fabric) : fabric_(fabric), slots_(fabric.taps().size()) {
  // Time in seconds is above what most daemons counted from their own start, and this above what the others did.
  epoch_ = std::max(static_cast<std::uint32_t>(std::time(nullptr)), latest_epoch(fabric_.datapath()));
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    slots_[i].bytes = fabric_.datapath().get("slots", bytes_of(fabric_.taps()[i]));
    if (slots_[i].bytes.empty()) continue;
    slots_[i].leased = true;
    slots_[i].unclaimed_until = Clock::now() + kClaimTime;
    epoch_ = std::max(epoch_, slot_of(slots_[i].bytes).epoch);
  }
}

Result<Slots::Slot*> Slots::owned(Connection connection, std::uint32_t slot) {
  if (slot >= slots_.size() || !slots_[slot].leased || slots_[slot].owner != connection) {
    return Error{.code = "SlotNotFound",
                 .message = "Slot " + std::to_string(slot) + " is not leased to you."};
  }
  return &slots_[slot];
}

Result<Slots::Lease> Slots::lease(Connection connection) {
  const std::lock_guard lock(mutex_);
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].leased) continue;
    auto tap = fabric_.open_slot(i);
    if (!tap && tap.error().errno_value == EBUSY) continue;  // the former owner's process is ending
    if (!tap) return std::move(tap).error();
    // Every guest has the same address: what is queued for the former one would reach the next.
    kernel::drain_tap(tap.value());
    slots_[i] = {.leased = true, .owner = connection, .unclaimed_until = std::nullopt, .bytes = ""};
    return Lease{i, std::move(tap).value()};
  }
  return refuse("SlotsExhausted", "No slot is free; start netd with more --slots.");
}

Error Slots::refuse(std::string code, std::string message) {
  ++refusals_[code];
  return {.code = std::move(code), .message = std::move(message)};
}

/// New blocks were never used: they are the next.
void Slots::learn_addresses(const Interface& interface, Pool& pool) {
  for (const auto& where : interface.addresses) {
    if (std::find(pool.addresses.begin(), pool.addresses.end(), where) != pool.addresses.end()) continue;
    if (fabric_.datapath().get("enis", eni_key(where)).empty()) continue;
    pool.addresses.push_back(where);
    for (std::uint16_t block = CAISSON_BLOCKS; block-- > CAISSON_FIRST_BLOCK;) {
      const bool used = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
        return !slot.bytes.empty() && where_of(slot_of(slot.bytes)) == where &&
               slot_of(slot.bytes).block == block;
      });
      if (!used) pool.free.push_front({where, block});
    }
  }
}

Result<Slots::Block> Slots::take_block(const Interface& interface) {
  Pool& pool = pools_[interface.id];
  if (pool.addresses.size() < interface.addresses.size()) learn_addresses(interface, pool);
  if (pool.free.empty()) {
    return refuse("BlocksExhausted",
                  "All " + std::to_string(pool.addresses.size() * (CAISSON_BLOCKS - CAISSON_FIRST_BLOCK)) +
                      " port blocks of network interface " + interface.id +
                      " are in use. It gets more with its next address, if its subnet has one.");
  }
  const Block block = pool.free.front();
  pool.free.pop_front();
  return block;
}

std::vector<Slots::Interface> Slots::low_interfaces() const {
  const std::lock_guard lock(mutex_);
  std::vector<Interface> low;
  for (const auto& [id, pool] : pools_) {
    if (pool.free.size() < kFewBlocks) low.push_back({id, pool.addresses});
  }
  return low;
}

bool Slots::is_low(const std::string& interface) const {
  const std::lock_guard lock(mutex_);
  const auto pool = pools_.find(interface);
  return pool != pools_.end() && pool->second.free.size() < kFewBlocks;
}

void Slots::keep_interfaces(const std::function<bool(const std::string& id)>& exists) {
  const std::lock_guard lock(mutex_);
  std::erase_if(pools_, [&](const auto& item) { return !exists(item.first); });
}

std::map<std::string, std::uint64_t> Slots::refusals() const {
  const std::lock_guard lock(mutex_);
  return refusals_;
}

Result<Slots::Attachment> Slots::attach(Connection connection, std::uint32_t number,
                                        const Interface& interface) {
  const std::lock_guard lock(mutex_);
  TRY(Slot * slot, owned(connection, number));
  if (!slot->bytes.empty()) {
    return Error{.code = "SlotNotReady",
                 .message = "Slot " + std::to_string(number) + " is attached already."};
  }
  TRY(const auto block, take_block(interface));
  caisson_slot entry{};
  entry.slot = number;
  entry.epoch = ++epoch_;
  entry.vpc = block.where.vpc;
  put_address(entry.address, block.where.address);
  entry.block = block.number;
  interface.id.copy(entry.eni, CAISSON_ID_SIZE - 1);
  const std::string key = bytes_of(fabric_.taps()[number]);
  const auto begun = Clock::now();
  const auto& datapath = fabric_.datapath();
  Status bound = datapath.put("blocks", block_key(block.where, block.number), key);
  if (bound) bound = datapath.put("slots", key, bytes_of(entry));
  if (!bound) {
    (void)datapath.erase("blocks", block_key(block.where, block.number));
    pools_[interface.id].free.push_front(block);
    return bound.error();
  }
  slot->bytes = bytes_of(entry);
  return Attachment{entry.epoch, Clock::now() - begun};
}

Status Slots::set_sealed(Connection connection, std::uint32_t number, bool sealed) {
  const std::lock_guard lock(mutex_);
  TRY(Slot * slot, owned(connection, number));
  if (slot->bytes.empty()) {
    if (sealed) return ok();
    return Error{.code = "SlotNotReady", .message = "Slot " + std::to_string(number) + " is not attached."};
  }
  caisson_slot entry = slot_of(slot->bytes);
  entry.sealed = sealed ? 1 : 0;
  TRYV(fabric_.datapath().put("slots", bytes_of(fabric_.taps()[number]), bytes_of(entry)));
  slot->bytes = bytes_of(entry);
  return ok();
}

Status Slots::unbind(std::uint32_t number) {
  Slot& slot = slots_[number];
  if (slot.bytes.empty()) return ok();
  const caisson_slot entry = slot_of(slot.bytes);
  TRYV(fabric_.datapath().erase("slots", bytes_of(fabric_.taps()[number])));
  TRYV(fabric_.datapath().erase("blocks", block_key(where_of(entry), entry.block)));
  slot.bytes.clear();
  if (const auto pool = pools_.find(entry.eni); pool != pools_.end()) {
    const auto& known = pool->second.addresses;
    if (std::find(known.begin(), known.end(), where_of(entry)) != known.end()) {
      pool->second.free.push_back({where_of(entry), entry.block});
    }
  }
  return ok();
}

Status Slots::detach(Connection connection, std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  TRYV(owned(connection, number));
  return unbind(number);
}

Status Slots::give_back(Connection connection, std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  TRYV(owned(connection, number));
  TRYV(unbind(number));
  slots_[number] = {};
  return ok();
}

Result<Fd> Slots::resume(Connection connection, std::uint32_t number, std::uint32_t epoch) {
  const std::lock_guard lock(mutex_);
  if (number >= slots_.size() || !slots_[number].leased || !slots_[number].unclaimed_until ||
      slots_[number].bytes.empty() || slot_of(slots_[number].bytes).epoch != epoch) {
    return Error{.code = "SlotNotFound",
                 .message = "Slot " + std::to_string(number) + " is not yours to claim in epoch " +
                            std::to_string(epoch) + "."};
  }
  slots_[number].owner = connection;
  slots_[number].unclaimed_until.reset();
  // A tap has one queue, and the microVM that lives on holds it: then the descriptor stands for nothing.
  auto tap = fabric_.open_slot(number);
  if (tap) return std::move(tap).value();
  Fd nothing = Fd::own(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!nothing) return Error::system(errno, "open", "/dev/null");
  return nothing;
}

void Slots::abandon(Connection connection) {
  const std::lock_guard lock(mutex_);
  for (auto& slot : slots_) {
    if (!slot.leased || slot.owner != connection || slot.unclaimed_until) continue;
    slot.owner = 0;
    // Nobody can claim what was never attached.
    slot.unclaimed_until = slot.bytes.empty() ? Clock::now() : Clock::now() + kClaimTime;
  }
}

void Slots::return_unclaimed(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].unclaimed_until && *slots_[i].unclaimed_until <= now && unbind(i)) slots_[i] = {};
  }
}

std::vector<Slots::View> Slots::views() const {
  const std::lock_guard lock(mutex_);
  std::vector<View> views;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    View view{.slot = i,
              .tap = tap_name(i),
              .state = slots_[i].leased ? "leased" : "free",
              .eni = "",
              .block = 0,
              .address = {}};
    if (!slots_[i].bytes.empty()) {
      const caisson_slot entry = slot_of(slots_[i].bytes);
      view.state = entry.sealed != 0 ? "sealed" : "attached";
      view.eni = entry.eni;
      view.block = entry.block;
      view.address = where_of(entry).address;
    }
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace caisson::netd::core

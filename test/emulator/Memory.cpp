#include "Memory.h"

#include "Timeline.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace tp::emu {
namespace {

constexpr uint64_t alignment = 512, gap = 512; // of allocations; between two
constexpr uint64_t page = 4096;

uint64_t pageOf(uint64_t address) { return address / page * page; }
uint64_t pagesOf(uint64_t address, uint64_t bytes) { return pageOf(address + bytes + page - 1) - pageOf(address); }

bool mapFile(char *at, uint64_t bytes, int file) {
  return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED;
}

void *reserve(uint64_t bytes, int protection) {
  void *p = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    std::fprintf(stderr, "emulated device: cannot reserve %llu bytes of addresses\n", (unsigned long long)bytes);
    std::abort();
  }
  return p;
}

std::string hex(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
  return text;
}

} // namespace

Memory &Memory::get() {
  static Memory *memory = new Memory; // never destroyed: threads may outlive main
  return *memory;
}

Memory::Memory() {
  const uint64_t all = maxDevices * window;
  base = reinterpret_cast<uint64_t>(reserve(all, PROT_NONE));
  alias = reinterpret_cast<uint64_t>(reserve(all, PROT_READ | PROT_WRITE)) - base;
  shadow = static_cast<uint8_t *>(reserve(all, PROT_READ | PROT_WRITE));
  lasts = static_cast<Last *>(reserve(all / granule * sizeof(Last), PROT_READ | PROT_WRITE));
}

uint64_t Memory::allocate(int device, uint64_t bytes, uint64_t capacity) {
  std::lock_guard<std::mutex> lock(mutex);
  const uint64_t size = (bytes + alignment - 1) / alignment * alignment;
  uint64_t &end = next[device];
  if (bytes == 0 || size < bytes || inUse[device] + size > capacity || end + size + 2 * gap > window)
    return 0;
  const uint64_t address = base + uint64_t(device) * window + end + gap;
  end += size + gap;
  inUse[device] += size;
  live[address] = bytes;
  std::memset(shadow + (address - base), fresh, bytes);
  return address;
}

int64_t Memory::share(uint64_t address, const std::string &file) {
  std::lock_guard<std::mutex> lock(mutex);
  auto it = live.find(address);
  if (it == live.end())
    return -1;
  // Whole pages, with what else lies there.
  const uint64_t bytes = pagesOf(address, it->second);
  char *first = host(pageOf(address));
  const int handle = open(file.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  const bool done = handle >= 0 && write(handle, first, bytes) == ssize_t(bytes) && mapFile(first, bytes, handle);
  if (handle >= 0)
    close(handle);
  files[address] = file;
  return done ? int64_t(address - pageOf(address)) : -1;
}

uint64_t Memory::import(int device, uint64_t bytes, const std::string &file, uint64_t at) {
  std::lock_guard<std::mutex> lock(mutex);
  const int handle = open(file.c_str(), O_RDWR);
  if (handle < 0)
    return 0;
  uint64_t &end = next[device];
  const uint64_t first = pageOf(base + uint64_t(device) * window + end + page - 1), address = first + at;
  const bool done = mapFile(host(first), pagesOf(address, bytes), handle);
  close(handle);
  if (!done)
    return 0;
  end = first + pagesOf(address, bytes) - (base + uint64_t(device) * window);
  live[address] = imported[address] = bytes;
  std::memset(shadow + (address - base), written, bytes);
  return address;
}

bool Memory::release(uint64_t address) {
  std::lock_guard<std::mutex> lock(mutex);
  auto it = live.find(address);
  if (it == live.end())
    return false;
  const uint64_t bytes = it->second;
  if (!imported.erase(address))
    inUse[deviceOf(address)] -= (bytes + alignment - 1) / alignment * alignment;
  if (auto file = files.extract(address))
    unlink(file.mapped().c_str());
  dead[address] = bytes;
  live.erase(it);
  std::memset(shadow + (address - base), freed, bytes);
  const uint64_t first = pageOf(address + page - 1), last = pageOf(address + bytes);
  if (last > first)
    madvise(host(first), last - first, MADV_DONTNEED);
  return true;
}

uint64_t Memory::used(int device) {
  std::lock_guard<std::mutex> lock(mutex);
  return inUse[device];
}

uint64_t Memory::sizeOf(uint64_t address) {
  std::lock_guard<std::mutex> lock(mutex);
  auto it = live.find(address);
  return it == live.end() ? 0 : it->second;
}

size_t Memory::allocations() {
  std::lock_guard<std::mutex> lock(mutex);
  return live.size();
}

void Memory::reset() {
  std::lock_guard<std::mutex> lock(mutex);
  for (int device = 0; device < maxDevices; ++device) {
    const uint64_t at = uint64_t(device) * window, bytes = (next[device] + gap + 4095) / 4096 * 4096;
    madvise(shadow + at, bytes, MADV_DONTNEED);
    madvise(reinterpret_cast<char *>(lasts + at / granule), bytes / granule * sizeof(Last), MADV_DONTNEED);
    madvise(host(base + at), bytes, MADV_DONTNEED);
    next[device] = inUse[device] = 0;
  }
  live.clear();
  dead.clear();
}

std::string Memory::explain(uint64_t address, uint64_t bytes, Access kind) {
  std::lock_guard<std::mutex> lock(mutex);
  const std::string what = std::string(kind == Access::read    ? "reads "
                                       : kind == Access::write ? "writes "
                                                               : "updates ") +
                           std::to_string(bytes) + " bytes at " + hex(address);
  auto in = [&](const std::map<uint64_t, uint64_t> &map) {
    auto it = map.upper_bound(address);
    return it == map.begin() ? map.end() : std::prev(it);
  };
  auto freedIt = in(dead);
  if (freedIt != dead.end() && address < freedIt->first + freedIt->second)
    return what + ": a freed buffer of " + std::to_string(freedIt->second) + " bytes";
  auto it = in(live);
  if (it == live.end())
    return what + ": out of bounds, below every buffer";
  const uint64_t offset = address - it->first;
  if (offset + bytes > it->second)
    return what + ": out of bounds, byte " + std::to_string(offset) + " of a buffer of " + std::to_string(it->second) +
           " bytes";
  return what + ": uninitialised memory, byte " + std::to_string(offset) + " of a buffer of " +
         std::to_string(it->second) + " bytes";
}

bool Memory::note(Last &last, Access kind, Order &order, std::string &problem) {
  auto conflict = [&](OpId other, const char *how) {
    if (order.after(other))
      return false;
    problem = std::string("a missing stream dependency: not ordered after ") + Timeline::get().describe(other) +
              ", which " + how + " it";
    return true;
  };
  if (conflict(last.writer, "writes"))
    return false;
  if (kind == Access::read) {
    if (last.reader != order.op && last.otherReader != order.op)
      (order.after(last.reader) ? last.reader : last.otherReader) = order.op;
    return true;
  }
  for (OpId reader : {last.reader, last.otherReader})
    if (conflict(reader, "reads"))
      return false;
  last = {order.op, 0, 0, 0};
  return true;
}

char *Memory::quickAccess(uint64_t address, uint64_t bytes, Access kind, Order &order) {
  constexpr uint64_t allWritten = 0x0101010101010101 * written;
  const uint64_t offset = address - base;
  if (offset >= maxDevices * window || bytes > 16 || offset % granule + bytes > granule || kind == Access::atomic)
    return nullptr;
  uint64_t low = allWritten, high = allWritten;
  if (bytes == 16)
    std::memcpy(&high, shadow + offset + 8, 8);
  std::memcpy(&low, shadow + offset, bytes >= 8 ? 8 : bytes);
  if (low != allWritten || high != allWritten || (bytes > 8 && bytes != 16))
    return nullptr;
  Last &last = lasts[offset / granule];
  if (!order.after(last.writer))
    return nullptr;
  if (kind == Access::write) {
    if (!order.after(last.reader) || !order.after(last.otherReader))
      return nullptr;
    last = {order.op, 0, 0, 0};
  } else if (last.reader != order.op) {
    if (!order.after(last.reader))
      return nullptr;
    last.reader = order.op;
  }
  return host(address);
}

char *Memory::access(uint64_t address, uint64_t bytes, Access kind, OpId op, std::string &problem) {
  Order order(op);
  return access(address, bytes, kind, order, problem);
}

char *Memory::access(uint64_t address, uint64_t bytes, Access kind, Order &order, std::string &problem) {
  if (!isDevice(address) || address - base + bytes > maxDevices * window) {
    problem = "uses " + hex(address) + ": no device address";
    return nullptr;
  }
  uint8_t *state = states(address);
  const bool reads = kind != Access::write;
  for (uint64_t i = 0; i < bytes; ++i)
    if (reads ? state[i] != written : state[i] != written && state[i] != fresh) {
      problem = explain(address, bytes, kind);
      return nullptr;
    }
  if (!reads)
    std::memset(state, written, bytes);
  const uint64_t first = (address - base) / granule, last = (address - base + bytes - 1) / granule;
  // Operations that meet through atomics are not ordered by streams.
  if (kind != Access::atomic && order.op != 0)
    for (uint64_t i = first; i <= last; ++i)
      if (!note(lasts[i], kind, order, problem)) {
        problem = std::string(reads ? "reads " : "writes ") + hex(address) + " with " + problem;
        return nullptr;
      }
  return host(address);
}

} // namespace tp::emu

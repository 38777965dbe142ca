// Device memory of the emulated GPUs. A device address lies in a range that the host cannot touch; its bytes lie
// `alias` further on, where kernels and copies reach them through access(). Every byte has a state (never allocated,
// not yet written, written, freed), and every 32 bytes know the operations that last wrote and read them.
#ifndef TP_EMU_MEMORY_H
#define TP_EMU_MEMORY_H

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace tp::emu {

// An operation on a stream, by its number in the timeline (see Timeline.h); 0: none.
using OpId = uint32_t;

enum class Access { read, write, atomic };
class Order;

class Memory {
public:
  static constexpr int maxDevices = 8;
  static constexpr uint64_t window = uint64_t(1) << 36; // addresses of a device
  static constexpr uint64_t granule = 32;               // bytes that share their last operations

  static Memory &get();

  // The address, or 0 where the device has no room. Addresses are used once: what is freed stays freed.
  uint64_t allocate(int device, uint64_t bytes, uint64_t capacity);
  bool release(uint64_t address);
  // Puts a buffer into a new file, where other processes see it; the bytes before it there, or -1.
  int64_t share(uint64_t address, const std::string &file);
  // Such a buffer of another process, for a device here, or 0. What is written there counts as written.
  uint64_t import(int device, uint64_t bytes, const std::string &file, uint64_t at);
  uint64_t used(int device);
  uint64_t sizeOf(uint64_t address); // 0: no such buffer
  size_t allocations();              // imported ones too
  // Forgets everything, for when nothing is allocated.
  void reset();

  bool isDevice(uint64_t address) const { return address - base < maxDevices * window; }
  bool isOn(int device, uint64_t address) const { return (address - base) / window == uint64_t(device); }
  int deviceOf(uint64_t address) const { return int((address - base) / window); }
  char *host(uint64_t address) const { return reinterpret_cast<char *>(address + alias); }

  // Where [address, address + bytes) lies for the host, after it was checked and the operation noted. Null: `problem`
  // says why not.
  char *access(uint64_t address, uint64_t bytes, Access kind, Order &order, std::string &problem);
  char *access(uint64_t address, uint64_t bytes, Access kind, OpId op, std::string &problem);
  // The same for the plain case, many times faster; null wherever that is not so.
  char *quickAccess(uint64_t address, uint64_t bytes, Access kind, Order &order);
  // The same with the states of a whole range, which a copy takes with the bytes.
  uint8_t *states(uint64_t address) const { return shadow + (address - base); }
  enum State : uint8_t { never, fresh, written, freed };

private:
  Memory();
  struct Last {
    OpId writer, reader, otherReader, unused;
  };
  std::string explain(uint64_t address, uint64_t bytes, Access kind);
  bool note(Last &last, Access kind, Order &order, std::string &problem);

  std::mutex mutex;
  uint64_t base = 0, alias = 0;
  uint8_t *shadow = nullptr;
  Last *lasts = nullptr;
  std::map<uint64_t, uint64_t> live, dead; // address: bytes
  std::map<uint64_t, std::string> files;   // of shared buffers
  std::map<uint64_t, uint64_t> imported;   // address: bytes
  uint64_t next[maxDevices] = {}, inUse[maxDevices] = {};
};

} // namespace tp::emu

#endif

#include "Intrinsics.h"

#include "Device.h"
#include "Timeline.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

namespace tp::emu {
namespace {

Access accessOf(uint32_t kind) {
  return kind == 'r' ? Access::read : kind == 'w' || kind == 'v' || kind == 's' ? Access::write : Access::atomic;
}

void requireAligned(Lane *lane, const char *p, uint32_t align, uint32_t site) {
  const auto address = reinterpret_cast<uint64_t>(p);
  if (address % align != 0)
    lane->block->fail(*lane, site,
                      "misaligned: the address ends in byte " + std::to_string(address % 16) +
                          " of 16, the access needs a multiple of " + std::to_string(align));
}

// Host memory that the device can see; kernels use it for flags alone.
bool isPinnedHost(const char *p, uint64_t bytes) {
  if (Memory::get().isDevice(reinterpret_cast<uint64_t>(p)))
    return false;
  Emulator &e = Emulator::get();
  std::lock_guard<std::mutex> lock(e.mutex);
  return e.isPinned(p, bytes);
}

// What releases have made visible, by the address of the flag.
std::mutex flagMutex;
std::unordered_map<uint64_t, Clock> flags;

extern "C" {

Lane *tpEmuLane() { return &currentLane(); }
uint32_t tpEmuLaneId(Lane *lane) { return lane->lane(); }
void tpEmuSpin(Lane *lane) { lane->block->spin(*lane); }

char *tpEmuShared(Lane *lane, char *p, uint64_t bytes, uint32_t align, uint32_t kind, uint32_t site) {
  char *host = lane->block->accessShared(*lane, p, bytes, accessOf(kind), site, kind == 'v');
  // Offsets count, not where the host put the memory.
  const auto offset = uint64_t(p - lane->shared);
  if (offset % align != 0)
    lane->block->fail(*lane, site,
                      "misaligned: byte " + std::to_string(offset) +
                          " of shared memory, the access needs a multiple of " + std::to_string(align));
  return host;
}

void tpEmuStored(Lane *lane) { lane->block->stored(*lane); }

char *tpEmuGlobal(Lane *lane, char *p, uint64_t bytes, uint32_t align, uint32_t kind, uint32_t site) {
  if (bytes == 0)
    return p;
  const auto address = reinterpret_cast<uint64_t>(p);
  Memory &memory = Memory::get();
  const Launch &launch = lane->block->launch;
  if (address % align == 0 && kind != 's' && memory.isOn(launch.device, address))
    if (char *host = memory.quickAccess(address, bytes, accessOf(kind), lane->block->launch.order))
      return host;
  if (lane->block->inShared(p))
    return tpEmuShared(lane, p, bytes, align, kind, site);
  if (lane->fiber->owns(p))
    return p;
  requireAligned(lane, p, align, site);
  if (accessOf(kind) == Access::atomic && isPinnedHost(p, bytes))
    return p;
  if (memory.isDevice(address) && !memory.isOn(launch.device, address))
    if (const int owner = memory.deviceOf(address); !Emulator::get().peers[launch.device][owner])
      lane->block->fail(*lane, site,
                        "uses memory of device " + std::to_string(owner) + ", which device " +
                            std::to_string(launch.device) + " has no access to");
  // An atomic store initialises; it is not ordered by streams.
  std::string problem;
  Order none(0);
  char *host = memory.access(address, bytes, accessOf(kind), kind == 's' ? none : lane->block->launch.order, problem);
  if (!host)
    lane->block->fail(*lane, site, problem);
  return host;
}

void tpEmuRelease(Lane *lane, char *p) {
  const Clock clock = Timeline::get().clockOf(lane->block->launch.op);
  std::lock_guard<std::mutex> lock(flagMutex);
  join(flags[reinterpret_cast<uint64_t>(p)], clock);
}

void tpEmuAcquire(Lane *lane, char *p) {
  Clock clock;
  {
    std::lock_guard<std::mutex> lock(flagMutex);
    auto it = flags.find(reinterpret_cast<uint64_t>(p));
    if (it == flags.end())
      return;
    clock = it->second;
  }
  Timeline::get().acquire(lane->block->launch.op, clock);
  acquired(clock);
}

void tpEmuBarrier(Lane *lane, uint32_t number, uint32_t aligned, uint32_t site) {
  lane->block->meetBarrier(*lane, site, number, aligned != 0);
}

void tpEmuWarpSync(Lane *lane, uint32_t mask, uint32_t site) {
  lane->block->meetWarp(*lane, site, mask, [&](Lane **) { lane->block->orderWarp(*lane); });
}

// The word from the source lane; bit 32: the source was in range. As the PTX ISA defines shfl.sync.
uint64_t tpEmuShuffle(Lane *lane, uint32_t mode, uint32_t mask, uint32_t value, uint32_t by, uint32_t clamp,
                      uint32_t site) {
  auto &in = lane->meeting.in;
  in[0] = value, in[1] = by, in[2] = clamp;
  lane->block->meetWarp(*lane, site, mask, [=](Lane **all) {
    for (uint32_t i = 0; i < 32; ++i) {
      if (!all[i])
        continue;
      const auto b = uint32_t(all[i]->meeting.in[1]), c = uint32_t(all[i]->meeting.in[2]);
      const uint32_t segment = c >> 8 & 31, low = i & segment, high = low | (c & 31 & ~segment);
      int source = mode == 0   ? int(i ^ b)
                   : mode == 1 ? int(i) - int(b)
                   : mode == 2 ? int(i + b)
                               : int(low | (b & ~segment));
      const bool inRange = mode == 1 ? source >= int(high) : source <= int(high);
      if (!inRange)
        source = int(i);
      if (!all[source])
        all[i]->block->fail(*all[i], site,
                            "the shuffle reads lane " + std::to_string(source) + ", which is not in the mask");
      all[i]->meeting.out[0] = uint64_t(inRange) << 32 | uint32_t(all[source]->meeting.in[0]);
    }
  });
  return lane->meeting.out[0];
}

// kind: all, any, uni, ballot.
uint32_t tpEmuVote(Lane *lane, uint32_t kind, uint32_t mask, uint32_t value, uint32_t site) {
  lane->meeting.in[0] = value & 1;
  lane->block->meetWarp(*lane, site, mask, [=](Lane **all) {
    uint32_t ballot = 0;
    for (uint32_t i = 0; i < 32; ++i)
      if (all[i])
        ballot |= uint32_t(all[i]->meeting.in[0]) << i;
    const uint32_t results[] = {ballot == mask, ballot != 0, ballot == mask || ballot == 0, ballot};
    for (uint32_t i = 0; i < 32; ++i)
      if (all[i])
        all[i]->meeting.out[0] = results[kind];
  });
  return uint32_t(lane->meeting.out[0]);
}

// kind: add, umax, umin, max, min. (value, mask) as the intrinsic has them.
uint32_t tpEmuRedux(Lane *lane, uint32_t kind, uint32_t value, uint32_t mask, uint32_t site) {
  if (kind > 4)
    lane->block->fail(*lane, site, "this redux.sync is not emulated");
  lane->meeting.in[0] = value;
  lane->block->meetWarp(*lane, site, mask, [=](Lane **all) {
    bool first = true;
    uint32_t result = 0;
    for (uint32_t i = 0; i < 32; ++i) {
      if (!all[i])
        continue;
      const auto v = uint32_t(all[i]->meeting.in[0]);
      result = first       ? v
               : kind == 0 ? result + v
               : kind == 1 ? std::max(result, v)
               : kind == 2 ? std::min(result, v)
               : kind == 3 ? uint32_t(std::max(int32_t(result), int32_t(v)))
                           : uint32_t(std::min(int32_t(result), int32_t(v)));
      first = false;
    }
    for (uint32_t i = 0; i < 32; ++i)
      if (all[i])
        all[i]->meeting.out[0] = result;
  });
  return uint32_t(lane->meeting.out[0]);
}

float fromBf16(uint16_t bits) {
  const uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

// mma.m16n8k16 bf16: in: a (4 words), b (2 words), c (4 floats); out: d (4 floats). Fragments as the PTX ISA lays them
// out: lane = 4 group + member; a's words hold rows group and group + 8, columns 2 member.. and 8 + 2 member..; b's
// rows 2 member.. and 8 + 2 member.., column group; c's rows group and group + 8, columns 2 member...
void tpEmuMmaBf16(Lane *lane, const uint32_t *in, float *out, uint32_t site) {
  for (int i = 0; i < 10; ++i)
    lane->meeting.in[i] = in[i];
  struct Result {
    float d[4];
  } mine;
  static_assert(sizeof(mine) == 16);
  lane->block->meetWarp(*lane, site, ~0u, [](Lane **all) {
    float a[16][16], b[16][8];
    for (int l = 0; l < 32; ++l) {
      const int group = l / 4, member = l % 4;
      const uint64_t *words = all[l]->meeting.in;
      for (int half = 0; half < 2; ++half) {
        for (int w = 0; w < 4; ++w)
          a[group + w % 2 * 8][w / 2 * 8 + member * 2 + half] = fromBf16(uint16_t(words[w] >> 16 * half));
        for (int w = 0; w < 2; ++w)
          b[w * 8 + member * 2 + half][group] = fromBf16(uint16_t(words[4 + w] >> 16 * half));
      }
    }
    for (int l = 0; l < 32; ++l)
      for (int i = 0; i < 4; ++i) {
        const int row = l / 4 + i / 2 * 8, column = l % 4 * 2 + i % 2;
        const auto bits = uint32_t(all[l]->meeting.in[6 + i]);
        float sum;
        std::memcpy(&sum, &bits, 4);
        for (int k = 0; k < 16; ++k) // products of two bf16 are exact in f32
          sum += a[row][k] * b[k][column];
        std::memcpy(reinterpret_cast<char *>(all[l]->meeting.out) + 4 * i, &sum, 4);
      }
  });
  std::memcpy(out, lane->meeting.out, 16);
}

// ldmatrix x1, x2, x4 of 8x8 b16: in: {address of this lane's row, number of matrices, transposed}.
void tpEmuLdmatrix(Lane *lane, const void *arguments, uint32_t *out, uint32_t site) {
  struct Arguments {
    char *row;
    uint32_t count, transposed;
  } in;
  std::memcpy(&in, arguments, sizeof(in));
  const uint32_t count = in.count;
  if (lane->lane() < 8 * count) // the others' addresses are not used
    tpEmuShared(lane, in.row, 16, 16, 'r', site);
  lane->meeting.in[0] = reinterpret_cast<uint64_t>(in.row);
  lane->block->meetWarp(*lane, site, ~0u, [=](Lane **all) {
    for (uint32_t l = 0; l < 32; ++l)
      for (uint32_t m = 0; m < count; ++m) {
        uint16_t pair[2];
        for (uint32_t half = 0; half < 2; ++half) {
          const uint32_t row = in.transposed ? l % 4 * 2 + half : l / 4;
          const uint32_t column = in.transposed ? l / 4 : l % 4 * 2 + half;
          std::memcpy(&pair[half], reinterpret_cast<char *>(all[m * 8 + row]->meeting.in[0]) + 2 * column, 2);
        }
        std::memcpy(reinterpret_cast<char *>(all[l]->meeting.out) + 4 * m, pair, 4);
      }
  });
  std::memcpy(out, lane->meeting.out, 4 * count);
}

// The copy is made when it is waited for; until then its target counts as unwritten.
void tpEmuCopyStart(Lane *lane, char *to, char *from, uint32_t bytes, uint32_t sourceBytes, uint32_t site) {
  char *target = tpEmuShared(lane, to, bytes, bytes, 'w', site);
  const char *source = sourceBytes ? tpEmuGlobal(lane, from, sourceBytes, bytes, 'r', site) : nullptr;
  lane->block->setShared(target, bytes, Memory::fresh);
  lane->copies.push_back({target, source, sourceBytes, bytes - sourceBytes, lane->copyGroup});
}

void tpEmuCopyCommit(Lane *lane) { ++lane->copyGroup; }

void tpEmuCopyWait(Lane *lane, uint32_t groups) {
  auto &copies = lane->copies;
  auto due = [&](const Lane::Copy &c) { return groups == ~0u || c.group + groups < lane->copyGroup; };
  for (const Lane::Copy &copy : copies) {
    if (!due(copy))
      continue;
    if (copy.bytes)
      std::memcpy(copy.to, copy.from, copy.bytes);
    std::memset(copy.to + copy.bytes, 0, copy.zeros);
    lane->block->setShared(copy.to, copy.bytes + copy.zeros, Memory::written);
  }
  copies.erase(std::remove_if(copies.begin(), copies.end(), due), copies.end());
}

// What the code generator calls for bf16 where the host has no instruction: rounds to nearest even.
__bf16 tpEmuTruncate(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const auto rounded =
      std::isnan(value) ? uint16_t(bits >> 16 | 0x40) : uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  __bf16 result;
  std::memcpy(&result, &rounded, 2);
  return result;
}
__bf16 tpEmuTruncateDouble(double value) { return tpEmuTruncate(float(value)); }

} // extern "C"

template <typename F> void *address(F *function) { return reinterpret_cast<void *>(function); }

} // namespace

void forgetFlags() {
  std::lock_guard<std::mutex> lock(flagMutex);
  flags.clear();
}

std::vector<std::pair<const char *, void *>> runtimeSymbols() {
#define TP_SYMBOL(name) {#name, address(name)}
#define TP_MATH(name)                                                                                                  \
  {                                                                                                                    \
    #name, address(static_cast<float (*)(float)>(name))                                                                \
  }
  return {TP_SYMBOL(tpEmuLane),
          TP_SYMBOL(tpEmuLaneId),
          TP_SYMBOL(tpEmuSpin),
          TP_SYMBOL(tpEmuShared),
          TP_SYMBOL(tpEmuStored),
          TP_SYMBOL(tpEmuGlobal),
          TP_SYMBOL(tpEmuRelease),
          TP_SYMBOL(tpEmuAcquire),
          TP_SYMBOL(tpEmuBarrier),
          TP_SYMBOL(tpEmuWarpSync),
          TP_SYMBOL(tpEmuShuffle),
          TP_SYMBOL(tpEmuVote),
          TP_SYMBOL(tpEmuRedux),
          TP_SYMBOL(tpEmuMmaBf16),
          TP_SYMBOL(tpEmuLdmatrix),
          TP_SYMBOL(tpEmuCopyStart),
          TP_SYMBOL(tpEmuCopyCommit),
          TP_SYMBOL(tpEmuCopyWait),
          TP_MATH(expf),
          TP_MATH(exp2f),
          TP_MATH(logf),
          TP_MATH(log2f),
          TP_MATH(sinf),
          TP_MATH(cosf),
          TP_MATH(tanhf),
          TP_MATH(erff),
          TP_MATH(roundf),
          TP_MATH(truncf),
          TP_MATH(floorf),
          TP_MATH(ceilf),
          TP_MATH(rintf),
          TP_MATH(sqrtf),
          TP_MATH(fabsf),
          {"powf", address(static_cast<float (*)(float, float)>(powf))},
          {"fmodf", address(static_cast<float (*)(float, float)>(fmodf))},
          {"fmaxf", address(static_cast<float (*)(float, float)>(fmaxf))},
          {"fminf", address(static_cast<float (*)(float, float)>(fminf))},
          {"fmaf", address(static_cast<float (*)(float, float, float)>(fmaf))},
          {"memcpy", address(static_cast<void *(*)(void *, const void *, size_t)>(memcpy))},
          {"memmove", address(static_cast<void *(*)(void *, const void *, size_t)>(memmove))},
          {"memset", address(static_cast<void *(*)(void *, int, size_t)>(memset))},
          {"__truncsfbf2", address(tpEmuTruncate)},
          {"__truncdfbf2", address(tpEmuTruncateDouble)}};
#undef TP_MATH
#undef TP_SYMBOL
}

} // namespace tp::emu

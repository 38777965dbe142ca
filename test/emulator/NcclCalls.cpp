#include "NcclCalls.h"

#include <algorithm>
#include <cstring>

namespace tp::emu {

using namespace rt::cuda;

namespace {

float asFloat(const char *p, int type) {
  uint32_t bits = 0;
  if (type == ncclTypeBf16) {
    uint16_t half;
    std::memcpy(&half, p, 2);
    bits = uint32_t(half) << 16;
  } else {
    std::memcpy(&bits, p, 4);
  }
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

void putFloat(char *p, int type, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if (type == ncclTypeF32) {
    std::memcpy(p, &bits, 4);
    return;
  }
  const auto half = uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  std::memcpy(p, &half, 2);
}

} // namespace

std::string Call::describe() const {
  static const char *const names[] = {"all_reduce", "all_gather", "send", "recv"};
  const char *typeName = type == ncclTypeBf16 ? "bf16" : type == ncclTypeF32 ? "f32" : "i32";
  return std::string(names[kind]) + " of " + std::to_string(count) + " " + typeName +
         (kind == allReduce ? op == ncclReduceSum ? ", sum" : ", max"
          : kind >= send    ? ", peer " + std::to_string(peer)
                            : "");
}

void reduce(std::vector<char> &into, const std::vector<char> &from, const Call &call) {
  const size_t size = call.type == ncclTypeBf16 ? 2 : 4;
  for (size_t i = 0; i < call.count; ++i) {
    char *a = &into[i * size];
    const char *b = &from[i * size];
    if (call.type == ncclTypeI32) {
      int32_t x, y;
      std::memcpy(&x, a, 4);
      std::memcpy(&y, b, 4);
      x = call.op == ncclReduceSum ? x + y : std::max(x, y);
      std::memcpy(a, &x, 4);
    } else {
      const float x = asFloat(a, call.type), y = asFloat(b, call.type);
      putFloat(a, call.type, call.op == ncclReduceSum ? x + y : std::max(x, y));
    }
  }
}

std::string disagreement(int rank, const Group &a, int other, const Group &b, uint64_t number) {
  auto text = [](const Group &g) { return g.size() == 1 ? g[0].describe() : "a group of " + std::to_string(g.size()); };
  bool same = a.size() == b.size();
  for (size_t i = 0; same && i < a.size(); ++i)
    same = a[i].kind == b[i].kind && a[i].count == b[i].count && a[i].type == b[i].type && a[i].op == b[i].op;
  if (same)
    return "";
  return "NCCL: ranks disagree in call " + std::to_string(number) + ": rank " + std::to_string(rank) + " has " +
         text(a) + ", rank " + std::to_string(other) + " has " + text(b);
}

} // namespace tp::emu

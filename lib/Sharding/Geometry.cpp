#include "tp/Sharding/Geometry.h"
#include <algorithm>

using namespace tp;

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t Geometry::chunk() const { return ceilDiv(size / unit * repeat, parts); }

int64_t Geometry::start(int64_t part) const { return part * chunk() / repeat * unit; }

int64_t Geometry::local() const {
  if (!overlaps())
    return chunk() / repeat * unit;
  // Blocks touched by the virtual blocks [r*c, (r+1)*c), the most over devices that have any.
  int64_t c = chunk(), total = size / unit * repeat, most = 0;
  for (int64_t r = 0; r < parts && r * c < total; ++r)
    most = std::max(most, ceilDiv(std::min((r + 1) * c, total), repeat) - r * c / repeat);
  return most * unit;
}

int64_t Geometry::valid(int64_t part) const { return std::clamp<int64_t>(size - start(part), 0, local()); }

bool Geometry::padded() const { return valid(parts - 1) < local() || valid(0) < local(); }

void Geometry::disjointWindows(llvm::SmallVectorImpl<int64_t> &starts, llvm::SmallVectorImpl<int64_t> &lengths) const {
  for (int64_t r = 0; r < parts; ++r) {
    starts.push_back(std::min(start(r), size));
    // With overlaps the next device's window begins inside this one's.
    int64_t end = r + 1 < parts ? std::min(start(r + 1), size) : size;
    lengths.push_back(std::min(end - starts.back(), local()));
  }
}

Geometry Geometry::canonical() const {
  Geometry result = *this;
  if (!overlaps() && repeat > 1) {
    // Blocks stay together, in groups of chunk / repeat.
    result.repeat = 1;
    if (!result.sameAs(*this))
      result = *this;
  }
  Geometry plain{size, parts};
  return plain.sameAs(*this) ? plain : result;
}

bool Geometry::sameAs(const Geometry &other) const {
  if (size != other.size || parts != other.parts || local() != other.local())
    return false;
  // Without overlaps each device starts where the one before it ends.
  if (!overlaps() && !other.overlaps())
    return true;
  for (int64_t r = 0; r < parts; ++r)
    if (std::min(start(r), size) != std::min(other.start(r), size))
      return false;
  return true;
}

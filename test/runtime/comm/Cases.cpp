#include "comm/Cases.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

namespace tp::rt::test {

Manifest mesh(const std::vector<int64_t> &sizes) {
  Manifest manifest;
  const char *names[] = {"a", "b", "c"};
  for (size_t i = 0; i < sizes.size(); ++i) {
    manifest.mesh.push_back({names[i], sizes[i]});
    manifest.ranks *= sizes[i];
  }
  return manifest;
}

std::vector<Manifest> meshes(int64_t ranks) {
  std::vector<Manifest> all{mesh({ranks})};
  for (int64_t a = 2; a < ranks; ++a)
    if (ranks % a == 0) {
      all.push_back(mesh({a, ranks / a}));
      for (int64_t b = 2; b < ranks / a; ++b)
        if (ranks / a % b == 0)
          all.push_back(mesh({a, b, ranks / a / b}));
    }
  return all;
}

std::vector<std::vector<std::string>> axesOf(const Manifest &manifest) {
  std::vector<std::vector<std::string>> all{{}};
  for (size_t i = 0; i < all.size(); ++i)
    for (const Axis &axis : manifest.mesh)
      if (auto list = all[i]; std::find(list.begin(), list.end(), axis.name) == list.end()) {
        list.push_back(axis.name);
        all.push_back(list);
      }
  return all;
}

// Windows in any order, some empty, that cover `global`.
Windows Cases::windows(int64_t n, int64_t global) {
  Windows w{global, 0, std::vector<int64_t>(size_t(n)), std::vector<int64_t>(size_t(n))};
  std::vector<int64_t> cuts{0, global}, order(static_cast<size_t>(n));
  for (int64_t i = 1; i < n; ++i)
    cuts.push_back(pick(0, global));
  std::sort(cuts.begin(), cuts.end());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  for (int64_t i = 0; i < n; ++i) {
    w.starts[size_t(order[size_t(i)])] = cuts[size_t(i)];
    w.lengths[size_t(order[size_t(i)])] = cuts[size_t(i) + 1] - cuts[size_t(i)];
  }
  w.local = *std::max_element(w.lengths.begin(), w.lengths.end()) + pick(0, 2);
  return w;
}

Collective Cases::make(CollectiveKind kind, ElementType type, int64_t groupSize) {
  Collective c;
  c.kind = kind;
  c.type = type;
  c.origin = "test";
  c.reduction = pick(0, 2) ? Reduction::sum : Reduction::max;
  c.count = pick(0, 11) ? pick(0, 700) : 20000; // the last is beyond what goes in one exchange
  c.outer = pick(1, 3);
  c.inner = pick(1, 70);
  c.windows = windows(groupSize, pick(0, 20));
  for (int64_t i = 0; i < groupSize; ++i)
    c.source.push_back(pick(-1, groupSize - 1));
  c.split = windows(groupSize, pick(1, 9));
  c.concat = windows(groupSize, pick(1, 9));
  c.shape.resize(size_t(pick(2, 4)));
  for (int64_t &size : c.shape)
    size = pick(1, 4);
  c.splitDim = pick(0, int64_t(c.shape.size()) - 1);
  c.concatDim = (c.splitDim + pick(1, int64_t(c.shape.size()) - 1)) % int64_t(c.shape.size());
  c.shape[size_t(c.splitDim)] = c.split.global;
  c.shape[size_t(c.concatDim)] = c.concat.local;
  return c;
}

std::vector<Manifest> Cases::ofKind(CollectiveKind kind, int64_t ranks) {
  std::vector<Manifest> all = meshes(ranks);
  for (Manifest &manifest : all)
    for (const auto &axes : axesOf(manifest))
      for (auto type : {ElementType::f32, ElementType::bf16, ElementType::i32}) {
        Collective c = make(kind, type, manifest.groupSize(axes));
        c.axes = axes;
        manifest.collectives.push_back(c);
      }
  return all;
}

Bytes sourceOf(const Collective &c, int64_t id, int rank) {
  std::mt19937 values(uint32_t(id * 1000 + rank));
  Bytes bytes(size_t(sourceElements(c) * bytesOf(c.type)));
  for (size_t at = 0; at < bytes.size(); at += size_t(bytesOf(c.type))) {
    float value = std::normal_distribution<float>(0, 1)(values) * (values() % 8 == 0 ? 1e4f : 1.0f);
    auto integer = int32_t(values());
    auto bits = std::bit_cast<uint32_t>(value);
    uint16_t top = uint16_t(bits >> 16);
    if (c.type == ElementType::f32)
      std::memcpy(&bytes[at], &value, 4);
    else if (c.type == ElementType::i32)
      std::memcpy(&bytes[at], &(integer /= 64), 4);
    else
      std::memcpy(&bytes[at], &top, 2);
  }
  return bytes;
}

Bytes resultOf(const Manifest &manifest, int64_t id, int rank) {
  const Collective &c = manifest.collectives[size_t(id)];
  const std::vector<int> members = manifest.group(c.axes, rank);
  std::vector<Bytes> sources;
  for (int member : members)
    sources.push_back(sourceOf(c, id, member));
  return reference(c, sources, std::find(members.begin(), members.end(), rank) - members.begin());
}

} // namespace tp::rt::test

// Ranks on one GPU: the kernels of Meet.c.
#include "device/cuda/Collectives.h"

#include "core/Fault.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>

namespace tp::rt::cuda {
namespace {

constexpr int64_t controlBytes = 64, threads = 256, align = 256;
constexpr int64_t maxBlocks = 8; // of each rank; all ranks' together must be on the GPU at once

int64_t roundUp(int64_t n) { return (n + align - 1) / align * align; }

// Bytes of one staging buffer in the groups over these axes.
int64_t stagingBytes(const Manifest &manifest, const std::vector<std::string> &axes) {
  int64_t bytes = 0;
  for (const Collective &c : manifest.collectives)
    if (c.axes == axes)
      bytes = std::max(bytes, sourceBytes(c));
  return roundUp(bytes);
}

std::vector<std::vector<std::string>> axesOf(const Manifest &manifest) {
  std::vector<std::vector<std::string>> all;
  for (const Collective &c : manifest.collectives)
    if (std::find(all.begin(), all.end(), c.axes) == all.end())
      all.push_back(c.axes);
  return all;
}

// A rank's part in the groups over one list of axes.
struct Part {
  int64_t me = 0, ranks = 0, stride = 0;
  Pointer controls = 0, buffers = 0; // tables by position in the group
};

class LocalWorldOnDevice;

class LocalCollectives : public Collectives {
public:
  LocalCollectives(LocalWorldOnDevice &world, int rank);
  void run(int32_t id, Stream stream, Pointer src, Pointer dst) override;
  void abort() noexcept override;

private:
  LocalWorldOnDevice &world;
  std::map<std::vector<std::string>, Part> parts;
  std::vector<Pointer> boxes; // by collective
};

// Everything lies in one buffer, laid out and filled once.
class LocalWorldOnDevice : public World {
public:
  explicit LocalWorldOnDevice(const Manifest &manifest)
      : manifest(manifest), memory(makeDeviceBuffer(localBytes(manifest) * manifest.ranks, "the ranks' meetings")),
        abortWord(makeHostBuffer(sizeof(uint32_t))) {
    aborted()->store(0);
    layOut();
  }

  std::unique_ptr<Collectives> collectives(int rank, const DeviceContext &) override {
    return std::make_unique<LocalCollectives>(*this, rank);
  }

  std::atomic<uint32_t> *aborted() const { return static_cast<std::atomic<uint32_t> *>(abortWord.get()); }

  const Manifest &manifest;
  MeetKernels kernels;
  DeviceBuffer memory;
  HostBuffer abortWord;
  std::vector<std::map<std::vector<std::string>, Part>> parts; // by rank
  std::vector<std::vector<Pointer>> boxes;                     // by rank and collective

private:
  // Control blocks and tables are made on the host and copied; staging needs no content.
  void layOut() {
    std::vector<char> image;
    const auto ranks = size_t(manifest.ranks);
    parts.resize(ranks);
    boxes.resize(ranks);
    auto put = [&](const void *data, size_t bytes) {
      const size_t at = image.size();
      image.resize(size_t(roundUp(int64_t(at + bytes))));
      if (data)
        std::memcpy(&image[at], data, bytes);
      return memory.get() + at;
    };
    std::map<std::vector<std::string>, std::vector<Pointer>> controls;
    for (const auto &axes : axesOf(manifest))
      for (size_t r = 0; r < ranks; ++r)
        controls[axes].push_back(put(nullptr, controlBytes));
    for (size_t r = 0; r < ranks; ++r)
      for (const Collective &c : manifest.collectives) {
        const std::vector<Transfer> transfers = transfersTo(c, int(r));
        boxes[r].push_back(put(transfers.data(), transfers.size() * sizeof(Transfer)));
      }
    // Tables name staging buffers, which lie behind the image: first find its size.
    size_t end = image.size();
    for (const auto &axes : axesOf(manifest))
      end += ranks * size_t(2 * roundUp(8 * manifest.groupSize(axes)));
    Pointer staging = memory.get() + end;
    for (const auto &axes : axesOf(manifest)) {
      const int64_t stride = stagingBytes(manifest, axes);
      const Pointer base = staging;
      staging += Pointer(2 * stride) * ranks;
      for (size_t r = 0; r < ranks; ++r) {
        const std::vector<int> group = manifest.group(axes, int(r));
        std::vector<Pointer> controlTable, bufferTable;
        Part part;
        for (size_t i = 0; i < group.size(); ++i) {
          controlTable.push_back(controls[axes][size_t(group[i])]);
          bufferTable.push_back(base + Pointer(2 * stride) * Pointer(group[i]));
          if (group[i] == int(r))
            part.me = int64_t(i);
        }
        part.ranks = int64_t(group.size());
        part.stride = stride;
        part.controls = put(controlTable.data(), controlTable.size() * 8);
        part.buffers = put(bufferTable.data(), bufferTable.size() * 8);
        parts[r][axes] = part;
      }
    }
    upload(image);
  }

  std::vector<Transfer> transfersTo(const Collective &c, int rank) const {
    const std::vector<int> group = manifest.group(c.axes, rank);
    const int64_t me = std::find(group.begin(), group.end(), rank) - group.begin();
    std::vector<Transfer> transfers;
    for (size_t from = 0; from < group.size(); ++from)
      transfers.push_back(transferOf(c, int64_t(from), me));
    return transfers;
  }

  void upload(const std::vector<char> &image) {
    HostBuffer pinned = makeHostBuffer(int64_t(image.size()));
    std::memcpy(pinned.get(), image.data(), image.size());
    OwnedStream stream = makeStream();
    TP_CUDA(cuMemcpyHtoDAsync_v2, memory.get(), pinned.get(), image.size(), stream.get());
    for (int code; (code = driver().cuStreamQuery(stream.get())) != cudaSuccess;)
      if (code != cudaNotReady)
        throw Error(cudaMessage("cuStreamQuery", code));
  }
};

LocalCollectives::LocalCollectives(LocalWorldOnDevice &world, int rank)
    : world(world), parts(world.parts[size_t(rank)]), boxes(world.boxes[size_t(rank)]) {}

void LocalCollectives::run(int32_t id, Stream stream, Pointer src, Pointer dst) {
  const Collective &c = world.manifest.collectives[size_t(id)];
  const Part &part = parts.at(c.axes);
  const int64_t bytes = sourceBytes(c);
  if (destinationBytes(c) == 0)
    return;
  if (hasPadding(c))
    TP_CUDA(cuMemsetD8Async, dst, 0, size_t(destinationBytes(c)), stream);
  const bool reduces = c.kind == CollectiveKind::allReduce || c.kind == CollectiveKind::reduceScatter;
  uint64_t arguments[] = {part.controls,
                          part.buffers,
                          uint64_t(part.stride),
                          uint64_t(part.me),
                          uint64_t(part.ranks),
                          src,
                          uint64_t(bytes),
                          boxes[size_t(id)],
                          dst,
                          uint64_t(typeNumber(c.type)),
                          reduces,
                          c.reduction == Reduction::max,
                          reinterpret_cast<uint64_t>(world.abortWord.get())};
  void *pointers[std::size(arguments)];
  for (size_t i = 0; i < std::size(arguments); ++i)
    pointers[i] = &arguments[i];
  // The same number on every rank, for the kernels count blocks.
  const auto blocks = unsigned(std::clamp<int64_t>(bytes / (threads * 16), 1, maxBlocks));
  if (int code = driver().cuLaunchKernel(world.kernels.meet, blocks, 1, 1, unsigned(threads), 1, 1, 0, stream, pointers,
                                         nullptr))
    throw Error(cudaMessage("cuLaunchKernel", code));
}

void LocalCollectives::abort() noexcept { world.aborted()->store(1); }

} // namespace

// All ranks' share of the world's one buffer; its parts are as layOut() places them.
int64_t localBytes(const Manifest &manifest) {
  int64_t bytes = 0;
  for (const auto &axes : axesOf(manifest))
    bytes += roundUp(controlBytes) + 2 * roundUp(8 * manifest.groupSize(axes)) + 2 * stagingBytes(manifest, axes);
  for (const Collective &c : manifest.collectives)
    bytes += roundUp(manifest.groupSize(c.axes) * int64_t(sizeof(Transfer)));
  return bytes;
}

std::unique_ptr<World> makeLocalWorld(const Manifest &manifest) {
  return std::make_unique<LocalWorldOnDevice>(manifest);
}

} // namespace tp::rt::cuda

#include "device/cuda/Context.h"

#include <cstdlib>
#include <cstring>
#include <thread>

namespace tp::rt::cuda {

DeviceBuffer makeDeviceBuffer(int64_t bytes, const char *what) {
  Pointer pointer = 0;
  const size_t size = size_t(bytes > 0 ? bytes : 1);
  if (int code = driver().cuMemAlloc_v2(&pointer, size))
    throw Error("cannot allocate " + std::to_string(size) + " bytes on the GPU for " + what + ": " +
                cudaMessage("cuMemAlloc", code));
  return DeviceBuffer(pointer);
}

HostBuffer makeHostBuffer(int64_t bytes) {
  void *pointer = nullptr;
  TP_CUDA(cuMemHostAlloc, &pointer, size_t(bytes > 0 ? bytes : 1), hostPortable);
  return HostBuffer(pointer);
}

OwnedStream makeStream() {
  Stream stream = nullptr;
  TP_CUDA(cuStreamCreate, &stream, streamNonBlocking);
  return OwnedStream(stream);
}

static OwnedEvent makeEvent(unsigned flags) {
  Event event = nullptr;
  TP_CUDA(cuEventCreate, &event, flags);
  return OwnedEvent(event);
}

OwnedEvent makeEvent() { return makeEvent(eventNoTiming); }
OwnedEvent makeTimedEvent() { return makeEvent(0); }

bool isIdle(Stream stream) {
  const int code = driver().cuStreamQuery(stream);
  if (code != cudaSuccess && code != cudaNotReady)
    throw Error(cudaMessage("cuStreamQuery", code));
  return code == cudaSuccess;
}

// Enqueues, and waits for it.
template <typename F> static void onStream(F enqueue) {
  OwnedStream stream = makeStream();
  enqueue(stream.get());
  while (!isIdle(stream.get()))
    std::this_thread::yield();
}

DeviceBuffer makeDeviceCopy(const void *data, int64_t bytes, const char *what) {
  DeviceBuffer buffer = makeDeviceBuffer(bytes, what);
  HostBuffer pinned = makeHostBuffer(bytes);
  std::memcpy(pinned.get(), data, size_t(bytes));
  onStream([&](Stream stream) { TP_CUDA(cuMemcpyHtoDAsync_v2, buffer.get(), pinned.get(), size_t(bytes), stream); });
  return buffer;
}

DeviceBuffer makeZeroedBuffer(int64_t bytes, const char *what) {
  DeviceBuffer buffer = makeDeviceBuffer(bytes, what);
  onStream([&](Stream stream) { TP_CUDA(cuMemsetD8Async, buffer.get(), 0, size_t(bytes), stream); });
  return buffer;
}

Placement placeRanks(int ranks) {
  TP_CUDA(cuInit, 0);
  Placement placement;
  TP_CUDA(cuDeviceGetCount, &placement.devices);
  const char *share = std::getenv("TP_CUDA_SHARE");
  const bool mayShare = share && std::strcmp(share, "1") == 0;
  if (placement.devices == 0)
    throw Error("the NVIDIA driver finds no GPU");
  placement.shared = placement.devices < ranks;
  if (placement.shared && !mayShare)
    throw Error("the package needs " + std::to_string(ranks) + " GPUs, one per rank, but this machine has " +
                std::to_string(placement.devices) + " (TP_CUDA_SHARE=1 lets ranks share a GPU)");
  // Ranks that share meet in the memory of one GPU.
  if (placement.shared)
    placement.devices = 1;
  return placement;
}

DeviceContext::DeviceContext(int ordinal) : device(ordinal) {
  int handle = 0, major = 0, minor = 0;
  char text[128] = "";
  TP_CUDA(cuDeviceGet, &handle, ordinal);
  TP_CUDA(cuDeviceGetName, text, sizeof(text), handle);
  TP_CUDA(cuDeviceGetAttribute, &major, attributeMajor, handle);
  TP_CUDA(cuDeviceGetAttribute, &minor, attributeMinor, handle);
  TP_CUDA(cuDevicePrimaryCtxRetain, &context, handle);
  arch = major * 10 + minor;
  name = text;
}

DeviceContext::~DeviceContext() { driver().cuDevicePrimaryCtxRelease_v2(device); }

void DeviceContext::makeCurrent() const { TP_CUDA(cuCtxSetCurrent, context); }

bool DeviceContext::reach(const DeviceContext &peer) const {
  int can = 0;
  TP_CUDA(cuDeviceCanAccessPeer, &can, device, peer.device);
  if (!can)
    return false;
  makeCurrent();
  const int code = driver().cuCtxEnablePeerAccess(peer.context, 0);
  if (code == cudaPeerAccessUnsupported || code == cudaTooManyPeers)
    return false;
  if (code != cudaSuccess && code != cudaPeerAccessEnabled)
    throw Error(cudaMessage("cuCtxEnablePeerAccess", code));
  return true;
}

std::string DeviceContext::describe() const {
  return "GPU " + std::to_string(device) + " (" + name + ", sm_" + std::to_string(arch) + ")";
}

int64_t DeviceContext::freeBytes() const {
  size_t free = 0, total = 0;
  TP_CUDA(cuMemGetInfo_v2, &free, &total);
  return int64_t(free);
}

void requireMemory(const DeviceContext &context, const Need &need, int ranks) {
  const int64_t free = context.freeBytes();
  const int64_t total = need.total() * ranks;
  if (total <= free)
    return;
  auto part = [](const char *name, int64_t bytes) { return std::string(name) + " " + std::to_string(bytes); };
  throw Error(context.describe() + " has " + std::to_string(free) + " bytes free, the package needs " +
              std::to_string(total) + (ranks > 1 ? " for " + std::to_string(ranks) + " ranks, each" : "") + ": " +
              part("weights", need.weights) + ", " + part("state", need.state) + ", " + part("arena", need.arena) +
              ", " + part("workspace", need.workspace) + ", " + part("collectives", need.collectives));
}

} // namespace tp::rt::cuda

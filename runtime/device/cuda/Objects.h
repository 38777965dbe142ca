// Owners of the driver's objects: made or throwing Error, released on destruction. All belong to the context that is
// current when they are made and released.
#ifndef TP_RT_CUDAOBJECTS_H
#define TP_RT_CUDAOBJECTS_H

#include "device/cuda/Libraries.h"

#include <utility>

namespace tp::rt::cuda {

// What is released by one call with one argument. A failed release is not reported: it follows another failure.
template <typename Handle, int (*CudaTable::*release)(Handle)> class Owner {
public:
  Owner() = default;
  explicit Owner(Handle handle) : handle(handle) {}
  Owner(Owner &&other) noexcept : handle(std::exchange(other.handle, Handle())) {}
  Owner &operator=(Owner &&other) noexcept {
    std::swap(handle, other.handle);
    return *this;
  }
  ~Owner() {
    if (handle)
      (driver().*release)(handle);
  }
  Handle get() const { return handle; }
  explicit operator bool() const { return bool(handle); }

private:
  Handle handle = Handle();
};

using DeviceBuffer = Owner<Pointer, &CudaTable::cuMemFree_v2>;
using HostBuffer = Owner<void *, &CudaTable::cuMemFreeHost>; // pinned
using OwnedStream = Owner<Stream, &CudaTable::cuStreamDestroy_v2>;
using OwnedEvent = Owner<Event, &CudaTable::cuEventDestroy_v2>;
using OwnedModule = Owner<Module, &CudaTable::cuModuleUnload>;
using OwnedGraph = Owner<Graph, &CudaTable::cuGraphDestroy>;
using OwnedExec = Owner<GraphExec, &CudaTable::cuGraphExecDestroy>;

// `what` names the memory in the error: "the arena".
DeviceBuffer makeDeviceBuffer(int64_t bytes, const char *what); // of at least one byte
HostBuffer makeHostBuffer(int64_t bytes);
OwnedStream makeStream();
OwnedEvent makeEvent();
OwnedEvent makeTimedEvent(); // for cuEventElapsedTime
// Buffers with content, which they wait for.
DeviceBuffer makeDeviceCopy(const void *data, int64_t bytes, const char *what);
DeviceBuffer makeZeroedBuffer(int64_t bytes, const char *what);
// Whether all work of the stream is done. Throws Error when some has failed.
bool isIdle(Stream stream);

} // namespace tp::rt::cuda

#endif

// What tests of the emulated libraries need of the driver: a context, a stream, buffers with content.
#ifndef TP_EMU_ONDEVICE_H
#define TP_EMU_ONDEVICE_H

#include "Device.h"
#include "device/cuda/Context.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>

namespace tp::emu {

// Before the first call of a library.
inline void useEmulator(int devices) {
  setenv("TP_CUDA_LIBRARIES", TP_EMULATOR_FOLDER, 1);
  setenv("TP_EMU_DEVICES", std::to_string(devices).c_str(), 1);
  tpEmuPlanFault("", 0, 0);
  tpEmuReset();
  TP_CUDA(cuInit, 0);
}

// A context and a stream, of the thread that makes it.
class OnDevice {
public:
  explicit OnDevice(int device) : context(device) {
    context.makeCurrent();
    stream = rt::cuda::makeStream();
  }

  template <typename T> rt::cuda::DeviceBuffer upload(const std::vector<T> &values) {
    rt::cuda::DeviceBuffer buffer = rt::cuda::makeDeviceBuffer(int64_t(values.size() * sizeof(T)), "a test");
    rt::cuda::HostBuffer host = rt::cuda::makeHostBuffer(int64_t(values.size() * sizeof(T)));
    std::memcpy(host.get(), values.data(), values.size() * sizeof(T));
    TP_CUDA(cuMemcpyHtoDAsync_v2, buffer.get(), host.get(), values.size() * sizeof(T), stream.get());
    EXPECT_EQ(wait(), "");
    return buffer;
  }
  template <typename T> std::vector<T> download(const rt::cuda::DeviceBuffer &buffer, size_t count) {
    rt::cuda::HostBuffer host = rt::cuda::makeHostBuffer(int64_t(count * sizeof(T)));
    TP_CUDA(cuMemcpyDtoHAsync_v2, host.get(), buffer.get(), count * sizeof(T), stream.get());
    EXPECT_EQ(wait(), "");
    std::vector<T> values(count);
    std::memcpy(values.data(), host.get(), count * sizeof(T));
    return values;
  }
  // The error of the stream's work, "" for none.
  std::string wait() {
    for (;;) {
      const int code = rt::cuda::driver().cuStreamQuery(stream.get());
      if (code == rt::cuda::cudaSuccess)
        return "";
      if (code != rt::cuda::cudaNotReady)
        return rt::cuda::cudaMessage("cuStreamQuery", code);
    }
  }

  rt::cuda::DeviceContext context;
  rt::cuda::OwnedStream stream;
};

// bf16 values; those of small integers and halves are exact.
inline uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline float ofBf16(uint16_t half) {
  const uint32_t bits = uint32_t(half) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

} // namespace tp::emu

#endif

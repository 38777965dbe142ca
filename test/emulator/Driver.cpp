// The emulated libcuda: devices, contexts, memory, modules, launches.
#include "Api.h"
#include "Intrinsics.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <unistd.h>

using namespace tp::emu;
using namespace tp::rt::cuda;

namespace {

const std::pair<int, std::pair<const char *, const char *>> errors[] = {
    {cudaInvalidValue, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
    {cudaOutOfMemory, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
    {cudaNoDevice, {"CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"}},
    {cudaInvalidDevice, {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"}},
    {cudaInvalidContext, {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"}},
    {cudaNoBinary, {"CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"}},
    {cudaPeerAccessUnsupported, {"CUDA_ERROR_PEER_ACCESS_UNSUPPORTED", "peer access is not supported"}},
    {cudaUnsupportedPtx,
     {"CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."}},
    {cudaInvalidHandle, {"CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"}},
    {cudaNotFound, {"CUDA_ERROR_NOT_FOUND", "named symbol not found"}},
    {cudaMapFailed, {"CUDA_ERROR_MAP_FAILED", "mapping of buffer object failed"}},
    {cudaNotSupported, {"CUDA_ERROR_NOT_SUPPORTED", "operation not supported"}},
    {cudaNotReady, {"CUDA_ERROR_NOT_READY", "device not ready"}},
    {cudaIllegalAddress, {"CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"}},
    {cudaPeerAccessEnabled, {"CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is already enabled"}},
    {cudaLaunchFailed, {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"}},
    {cudaCaptureUnsupported,
     {"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"}},
    {cudaCaptureInvalidated,
     {"CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"}},
    {cudaCaptureUnjoined, {"CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"}},
};

bool isPtx(const char *image) {
  return std::strncmp(image,
                      "\x7f"
                      "ELF",
                      4) != 0;
}

// The bytes of a cubin, as its section headers say.
std::string cubinBytes(const char *image) {
  uint64_t sectionOffset;
  uint16_t sectionSize, sections;
  std::memcpy(&sectionOffset, image + 0x28, 8);
  std::memcpy(&sectionSize, image + 0x3a, 2);
  std::memcpy(&sections, image + 0x3c, 2);
  return std::string(image, sectionOffset + uint64_t(sectionSize) * sections);
}

// What a directive of PTX says, "" where it is not there.
std::string directive(const std::string &ptx, const char *name) {
  const size_t at = ptx.find(name);
  if (at == std::string::npos)
    return "";
  std::istringstream words(ptx.substr(at + std::strlen(name), 64));
  std::string word;
  words >> word;
  return word;
}

int checkPtx(const Settings &settings, const std::string &ptx) {
  const std::string version = directive(ptx, ".version"), target = directive(ptx, ".target");
  const size_t dot = version.find('.');
  if (dot == std::string::npos || target.rfind("sm_", 0) != 0)
    return refuse(218, "the image is neither a cubin nor PTX");
  if (std::atoi(version.c_str()) * 10 + std::atoi(version.c_str() + dot + 1) > settings.ptxVersion)
    return refuse(cudaUnsupportedPtx, "PTX " + version + ", the driver takes up to " +
                                          std::to_string(settings.ptxVersion / 10) + "." +
                                          std::to_string(settings.ptxVersion % 10));
  if (std::atoi(target.c_str() + 3) > settings.arch)
    return refuse(cudaNoBinary, "PTX for " + target + ", the device is sm_" + std::to_string(settings.arch));
  return 0;
}

int checkCubin(const Settings &settings, const std::string &cubin) {
  uint32_t flags;
  std::memcpy(&flags, cubin.data() + 0x30, 4);
  const int low = int(flags & 0xff), high = int(flags >> 8 & 0xff);
  const int arch = low >= 50 ? low : high; // where the version of the format puts it
  if (arch / 10 != settings.arch / 10 || arch % 10 > settings.arch % 10)
    return refuse(cudaNoBinary,
                  "a cubin for sm_" + std::to_string(arch) + ", the device is sm_" + std::to_string(settings.arch));
  return 0;
}

// The IR that has the image's kernels.
std::shared_ptr<const KernelModule> kernelsOf(const Settings &settings, const std::string &image) {
  std::string seen;
  for (const std::string &file : settings.irFiles) {
    auto kernels = loadKernels(file);
    bool all = !kernels->kernels.empty();
    for (const Kernel &kernel : kernels->kernels)
      all &= image.find(kernel.name) != std::string::npos;
    if (all)
      return kernels;
    seen += (seen.empty() ? "" : ", ") + file;
  }
  throw std::runtime_error("none of TP_EMU_IR (" + seen + ") has the image's kernels");
}

} // namespace

extern "C" {

int cuGetErrorName(int code, const char **name) {
  *name = code == 218 ? "CUDA_ERROR_INVALID_PTX" : nullptr;
  for (auto &[number, texts] : errors)
    if (number == code)
      *name = texts.first;
  return *name ? 0 : int(cudaInvalidValue);
}

// The text of the code, with what this thread's last failing call had to say.
int cuGetErrorString(int code, const char **text) {
  thread_local std::string kept;
  kept = "error";
  for (auto &[number, texts] : errors)
    if (number == code)
      kept = texts.second;
  if (!lastDetail.empty())
    kept += " (" + lastDetail + ")";
  *text = kept.c_str();
  return 0;
}

int cuInit(unsigned) {
  TP_ENTER_ANY(cuInit)
  lock.unlock();
  if (!e.initialized)
    tpEmuReset();
  e.initialized = true;
  return e.settings.devices > 0 ? 0 : int(cudaNoDevice);
}

int cuDriverGetVersion(int *version) {
  TP_ENTER_ANY(cuDriverGetVersion)
  *version = e.settings.driver;
  return 0;
}

int cuDeviceGetCount(int *count) {
  TP_ENTER_ANY(cuDeviceGetCount)
  *count = e.settings.devices;
  return 0;
}

int cuDeviceGet(int *device, int ordinal) {
  TP_ENTER_ANY(cuDeviceGet)
  if (ordinal < 0 || ordinal >= e.settings.devices)
    return cudaInvalidDevice;
  *device = ordinal;
  return 0;
}

int cuDeviceGetName(char *name, int bytes, int) {
  TP_ENTER_ANY(cuDeviceGetName)
  std::snprintf(name, size_t(bytes), "emulated sm_%d", e.settings.arch);
  return 0;
}

int cuDeviceGetAttribute(int *value, int attribute, int) {
  TP_ENTER_ANY(cuDeviceGetAttribute)
  if (attribute == attributeMajor)
    *value = e.settings.arch / 10;
  else if (attribute == attributeMinor)
    *value = e.settings.arch % 10;
  else
    return refuse(cudaInvalidValue, "this attribute is not emulated");
  return 0;
}

int cuDeviceCanAccessPeer(int *can, int device, int peer) {
  TP_ENTER_ANY(cuDeviceCanAccessPeer)
  *can = e.settings.peers && device != peer;
  return 0;
}

int cuDevicePrimaryCtxRetain(Context *context, int device) {
  TP_ENTER_ANY(cuDevicePrimaryCtxRetain)
  ++e.retained[device];
  *context = reinterpret_cast<Context>(intptr_t(device) + 1);
  return 0;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  TP_RELEASE(cuDevicePrimaryCtxRelease)
  if (e.retained[device] == 0)
    return refuse(cudaInvalidContext, "the context is not retained");
  if (--e.retained[device] == 0)
    for (int other = 0; other < Memory::maxDevices; ++other)
      e.peers[device][other] = e.peers[other][device] = false;
  return planned;
}

int cuCtxSetCurrent(Context context) {
  TP_ENTER_ANY(cuCtxSetCurrent)
  const int device = int(reinterpret_cast<intptr_t>(context)) - 1;
  if (device >= 0 && e.retained[device] == 0)
    return refuse(cudaInvalidContext, "the context is not retained");
  currentDevice = device;
  return 0;
}

int cuCtxEnablePeerAccess(Context peer, unsigned) {
  TP_ENTER(cuCtxEnablePeerAccess)
  const auto device = int(reinterpret_cast<intptr_t>(peer)) - 1;
  if (!e.settings.peers || device == currentDevice)
    return cudaPeerAccessUnsupported;
  return e.peers[currentDevice][device].exchange(true) ? int(cudaPeerAccessEnabled) : 0;
}

int cuMemGetInfo_v2(size_t *free, size_t *total) {
  TP_ENTER(cuMemGetInfo)
  *total = e.settings.memory;
  *free = *total - Memory::get().used(currentDevice);
  return 0;
}

int cuMemAlloc_v2(Pointer *pointer, size_t bytes) {
  TP_ENTER(cuMemAlloc)
  if (bytes == 0)
    return refuse(cudaInvalidValue, "no bytes are asked for");
  *pointer = Memory::get().allocate(currentDevice, bytes, e.settings.memory);
  return *pointer ? 0 : int(cudaOutOfMemory);
}

// Waits for the device's work, as the real one does.
int cuMemFree_v2(Pointer pointer) {
  TP_RELEASE(cuMemFree)
  e.drainAll(lock, Memory::get().isDevice(pointer) ? Memory::get().deviceOf(pointer) : -1);
  if (!Memory::get().release(pointer))
    return refuse(cudaInvalidValue, "no such buffer");
  return planned;
}

// Between processes that meet as those of NCCL do, in the folder TP_EMU_NCCL.
struct SharedBuffer {
  char file[40];
  uint64_t bytes, at;
};
static_assert(sizeof(SharedBuffer) <= sizeof(IpcHandle));

int cuIpcGetMemHandle(IpcHandle *handle, Pointer pointer) {
  TP_ENTER(cuIpcGetMemHandle)
  static int count = 0;
  const char *folder = std::getenv("TP_EMU_NCCL");
  if (!folder || !e.settings.peers)
    return cudaNotSupported;
  SharedBuffer buffer{"", Memory::get().sizeOf(pointer), 0};
  std::snprintf(buffer.file, sizeof(buffer.file), "memory.%d.%d", int(getpid()), ++count);
  const int64_t at = Memory::get().share(pointer, std::string(folder) + "/" + buffer.file);
  if (at < 0)
    return refuse(cudaInvalidValue, "no such buffer, or its file cannot be written");
  buffer.at = uint64_t(at);
  std::memcpy(handle, &buffer, sizeof(buffer));
  return 0;
}

int cuIpcOpenMemHandle_v2(Pointer *pointer, IpcHandle handle, unsigned flags) {
  TP_ENTER(cuIpcOpenMemHandle)
  SharedBuffer buffer;
  std::memcpy(&buffer, &handle, sizeof(buffer));
  const char *folder = std::getenv("TP_EMU_NCCL");
  if (!folder || flags != ipcLazyPeerAccess)
    return cudaInvalidValue;
  *pointer = Memory::get().import(currentDevice, buffer.bytes, std::string(folder) + "/" + buffer.file, buffer.at);
  return *pointer ? 0 : int(cudaMapFailed);
}

int cuIpcCloseMemHandle(Pointer pointer) {
  TP_RELEASE(cuIpcCloseMemHandle)
  e.drainAll(lock, currentDevice);
  return Memory::get().release(pointer) ? planned : refuse(cudaInvalidValue, "no such buffer");
}

int cuMemHostAlloc(void **pointer, size_t bytes, unsigned) {
  TP_ENTER(cuMemHostAlloc)
  *pointer = std::calloc(1, bytes);
  if (!*pointer)
    return cudaOutOfMemory;
  e.pinned[static_cast<const char *>(*pointer)] = bytes;
  return 0;
}

int cuMemFreeHost(void *pointer) {
  TP_RELEASE(cuMemFreeHost)
  if (!e.pinned.erase(static_cast<const char *>(pointer)))
    return refuse(cudaInvalidValue, "no such host buffer");
  std::free(pointer);
  return planned;
}

int cuModuleLoadDataEx(Module *module, const void *data, unsigned count, int *options, void **values) {
  TP_ENTER(cuModuleLoadDataEx)
  const auto *image = static_cast<const char *>(data);
  const bool ptx = isPtx(image);
  const std::string bytes = ptx ? std::string(image) : cubinBytes(image);
  if (int code = ptx ? checkPtx(e.settings, bytes) : checkCubin(e.settings, bytes))
    return code;
  auto object = std::make_unique<ModuleObject>();
  try {
    object->kernels = kernelsOf(e.settings, bytes);
  } catch (const std::exception &error) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == jitErrorLog)
        std::snprintf(static_cast<char *>(values[i]), 256, "%s", error.what());
    return refuse(218, error.what());
  }
  object->device = currentDevice;
  *module = e.modules.add<Module>(std::move(object));
  return 0;
}

int cuModuleUnload(Module module) {
  TP_RELEASE(cuModuleUnload)
  auto *object = e.modules.find(module);
  if (!object)
    return refuse(cudaInvalidHandle, "no such module");
  e.drainAll(lock, object->device);
  e.modules.take(object);
  return planned;
}

int cuModuleGetFunction(Function *function, Module module, const char *name) {
  TP_ENTER(cuModuleGetFunction)
  auto *object = e.modules.find(module);
  const Kernel *kernel = object ? object->kernels->find(name) : nullptr;
  if (!kernel)
    return refuse(cudaNotFound, std::string("no kernel '") + name + "'");
  auto &entry = object->functions[name];
  if (!entry)
    entry = std::make_unique<FunctionObject>();
  entry->kernel = kernel;
  entry->device = object->device;
  *function = reinterpret_cast<Function>(entry.get());
  return 0;
}

int cuFuncSetAttribute(Function function, int attribute, int value) {
  TP_ENTER(cuFuncSetAttribute)
  const int limit = e.settings.arch >= 90 ? 227 << 10 : e.settings.arch == 80 ? 163 << 10 : 99 << 10;
  if (attribute != functionMaxDynamicShared || value < 0 || value > limit)
    return refuse(cudaInvalidValue,
                  std::to_string(value) + " bytes of shared memory, a block has " + std::to_string(limit));
  reinterpret_cast<FunctionObject *>(function)->dynamicLimit = uint32_t(value);
  return 0;
}

int cuLaunchKernel(Function handle, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned sharedBytes, Stream streamHandle, void **parameters, void **) {
  TP_ENTER(cuLaunchKernel)
  const auto &function = *reinterpret_cast<FunctionObject *>(handle);
  const Kernel &kernel = *function.kernel;
  auto *stream = e.streams.find(streamHandle);
  if (!stream || stream->device != function.device)
    return refuse(cudaInvalidHandle, "kernel '" + kernel.name + "': no such stream on its device");
  const unsigned grid[3] = {gridX, gridY, gridZ}, block[3] = {blockX, blockY, blockZ};
  for (int i = 0; i < 3; ++i)
    if (grid[i] == 0 || block[i] == 0 || (i > 0 && grid[i] > 65535) ||
        (kernel.requiredBlock[0] && block[i] != kernel.requiredBlock[i]))
      return refuse(cudaInvalidValue, "kernel '" + kernel.name + "': a grid or block of this size is not allowed");
  if (uint64_t(blockX) * blockY * blockZ > 1024 || sharedBytes > function.dynamicLimit)
    return refuse(cudaInvalidValue, "kernel '" + kernel.name + "': too many threads or too much shared memory");
  Launch launch;
  launch.kernel = &kernel;
  launch.device = function.device;
  launch.grid = {gridX, gridY, gridZ};
  launch.block = {blockX, blockY, blockZ};
  launch.sharedBytes = sharedBytes;
  for (size_t i = 0; i < kernel.parameterBytes.size(); ++i) {
    uint64_t value = 0;
    std::memcpy(&value, parameters[i], kernel.parameterBytes[i]);
    launch.arguments.push_back(value);
  }
  e.enqueue(lock, *stream, "kernel '" + kernel.name + "'", [launch](OpId op) {
    Launch run = launch;
    run.op = op;
    runLaunch(run);
    return run.problem;
  });
  return 0;
}

} // extern "C"

#include "Ptx.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

namespace tp::cuda {

llvm::Expected<std::string> findPtxas(llvm::StringRef wanted) {
  const char *variable = std::getenv("TP_PTXAS");
  std::string named = !wanted.empty() ? wanted.str() : variable ? variable : "";
  if (named == "none")
    return "";
  if (!named.empty()) {
    if (!llvm::sys::fs::can_execute(named))
      return llvm::createStringError("cannot run '" + named + "': expected NVIDIA's assembler ptxas");
    return named;
  }
  for (llvm::StringRef folder : {"", "/usr/local/cuda/bin"}) {
    auto found =
        folder.empty() ? llvm::sys::findProgramByName("ptxas") : llvm::sys::findProgramByName("ptxas", {folder});
    if (found)
      return *found;
  }
  return "";
}

static llvm::Expected<std::string> readFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return llvm::createStringError("cannot read '" + path + "': " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

llvm::Expected<std::string> assemble(llvm::StringRef ptxas, llvm::StringRef ptx, llvm::StringRef arch) {
  llvm::SmallString<128> folder;
  if (std::error_code code = llvm::sys::fs::createUniqueDirectory("tp-kernels", folder))
    return llvm::createStringError("cannot make a folder for the kernels: " + code.message());
  llvm::scope_exit cleanup([&] { llvm::sys::fs::remove_directories(folder); });
  std::string base = folder.str().str(), input = base + "/kernels.ptx", output = base + "/kernels.cubin",
              log = base + "/log";
  std::error_code code;
  llvm::raw_fd_ostream out(input, code);
  out << ptx;
  out.close();
  if (code || out.has_error())
    return llvm::createStringError("cannot write '" + input + "'");
  std::string message, archOption = "-arch=" + arch.str();
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(), llvm::StringRef(log), llvm::StringRef(log)};
  int status =
      llvm::sys::ExecuteAndWait(ptxas, {ptxas, archOption, "-O3", input, "-o", output}, std::nullopt, redirects,
                                /*SecondsToWait=*/600, 0, &message);
  if (status != 0) {
    auto text = readFile(log);
    std::string said = text ? *text : llvm::toString(text.takeError());
    return llvm::createStringError("'" + ptxas.str() + "' cannot assemble the kernels for " + arch.str() + ": " +
                                   llvm::StringRef(message.empty() ? said : message).trim().str());
  }
  return readFile(output);
}

} // namespace tp::cuda

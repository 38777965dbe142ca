//===- Safetensors.h - The structure of a .safetensors file --------------------------------------------------===//
#ifndef TP_LIB_CHECKPOINT_SAFETENSORS_H
#define TP_LIB_CHECKPOINT_SAFETENSORS_H

#include "MappedFile.h"
#include "tp/Checkpoint/Checkpoint.h"

namespace tp::checkpoint {

/// The tensors of `file`, by name, each with `file` = `fileIndex`. A file is a u64 length, that many bytes of JSON,
/// and data; every length and offset is checked against the file.
std::vector<TensorInfo> parseSafetensors(const MappedFile &file, size_t fileIndex);

} // namespace tp::checkpoint

#endif // TP_LIB_CHECKPOINT_SAFETENSORS_H

// What a manifest must satisfy beyond the types of its fields. Each check throws through the reader, which names the
// key.
#ifndef TP_RT_MANIFESTCHECKS_H
#define TP_RT_MANIFESTCHECKS_H

#include "core/JsonReader.h"
#include "core/Manifest.h"

namespace tp::rt {

// A path inside the package: relative, without "..".
void checkFileName(const std::string &name, const JsonReader &where);
// Axes of a group: each in the mesh, none twice.
void checkAxes(const std::vector<std::string> &axes, const Manifest &manifest, const JsonReader &where);
// One window per position, inside the dimension; with `cover`, disjoint and together the whole of it.
void checkWindows(const Windows &windows, int64_t groupSize, bool cover, const JsonReader &where);
// Sizes that agree with each other and whose bytes can be counted in 64 bits.
void checkCollective(const Collective &c, int64_t groupSize, const JsonReader &where);
// The inputs and outputs that this kind of entry has, with their types and shapes.
void checkEntry(const Entry &entry, const Manifest &manifest, const JsonReader &where);
// A decoder has prefill and decode, an encoder has encode; max_seq is a multiple of the largest chunk.
void checkEntries(const Manifest &manifest, const JsonReader &where);

} // namespace tp::rt

#endif

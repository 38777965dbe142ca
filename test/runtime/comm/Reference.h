// Collectives written down element by element, as docs/package-format.md defines them; slow and plain.
#ifndef TP_TEST_COMM_REFERENCE_H
#define TP_TEST_COMM_REFERENCE_H

#include "core/Manifest.h"

namespace tp::rt::test {

using Bytes = std::vector<char>;

int64_t sourceElements(const Collective &c);
int64_t resultElements(const Collective &c);

// The result at position `me` from the sources of all positions.
Bytes reference(const Collective &c, const std::vector<Bytes> &sources, int64_t me);

} // namespace tp::rt::test

#endif

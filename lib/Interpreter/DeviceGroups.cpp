#include "tp/Interpreter/DeviceGroups.h"

#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace tp;

DeviceGroups::DeviceGroups(MeshAttr mesh, ArrayRef<StringAttr> axes) {
  size = mesh.sizeOf(axes);
  // The group with all coordinates on `axes` zero has the smallest rank of its members as its key.
  llvm::DenseMap<int64_t, int64_t> numbers;
  for (int64_t rank = 0; rank < mesh.devices(); ++rank) {
    int64_t position = 0, key = rank;
    for (StringAttr axis : axes) {
      int64_t stride = 1, coordinate = 0, axisSize = *mesh.sizeOf(axis);
      for (size_t i = mesh.getAxes().size(); i-- > 0 && mesh.getAxes()[i] != axis;)
        stride *= mesh.getSizes()[i];
      coordinate = rank / stride % axisSize;
      position = position * axisSize + coordinate;
      key -= coordinate * stride;
    }
    auto [number, isNew] = numbers.try_emplace(key, members.size());
    if (isNew)
      members.emplace_back(size);
    members[number->second][position] = rank;
    positions.push_back(position);
    group.push_back(number->second);
  }
}

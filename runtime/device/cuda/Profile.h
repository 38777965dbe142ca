// How long the device takes for each piece of work: TP_CUDA_PROFILE=FILE.
#ifndef TP_RT_CUDAPROFILE_H
#define TP_RT_CUDAPROFILE_H

#include "device/cuda/Collectives.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tp::rt::cuda {

// Of one rank, whose work is not captured in graphs then. Events stand around each piece, so a time holds what the
// launch takes, some microseconds.
class Profile {
public:
  // Null where nobody asks for it; rank 0 alone is measured.
  static std::unique_ptr<Profile> wanted(int rank);

  // Enqueues a piece of work between two events.
  template <typename F> void time(Stream stream, std::string what, F enqueue) {
    Piece &piece = next(std::move(what));
    TP_CUDA(cuEventRecord, piece.begin.get(), stream);
    enqueue();
    TP_CUDA(cuEventRecord, piece.end.get(), stream);
  }
  // What the file says of the collectives.
  void setCrossovers(std::vector<Crossover> all) { crossovers = std::move(all); }
  // Behind a call of `entry`: waits for what was enqueued, keeps the times unless it is the entry's first call, in
  // which libraries make their plans, and writes the file.
  void collect(const Entry &entry, bool first);

private:
  struct Piece {
    std::string what;
    OwnedEvent begin, end;
  };
  struct Times {
    int64_t count = 0;
    double microseconds = 0, least = 0;
  };
  using Key = std::pair<std::string, int64_t>; // an entry's name and rows

  explicit Profile(std::string path) : path(std::move(path)) {}
  Piece &next(std::string what);
  void write() const;

  const std::string path;
  std::vector<Piece> pieces; // [0, used) since the last collect
  size_t used = 0;
  std::vector<Crossover> crossovers;
  std::map<Key, int64_t> calls;
  std::map<Key, std::map<std::string, Times>> times;
};

} // namespace tp::rt::cuda

#endif

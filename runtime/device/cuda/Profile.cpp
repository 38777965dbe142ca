#include "device/cuda/Profile.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace tp::rt::cuda {

std::unique_ptr<Profile> Profile::wanted(int rank) {
  const char *path = std::getenv("TP_CUDA_PROFILE");
  return path && *path && rank == 0 ? std::unique_ptr<Profile>(new Profile(path)) : nullptr;
}

Profile::Piece &Profile::next(std::string what) {
  if (used == pieces.size())
    pieces.push_back({"", makeTimedEvent(), makeTimedEvent()});
  pieces[used].what = std::move(what);
  return pieces[used++];
}

void Profile::collect(const Entry &entry, bool first) {
  const Key key{entry.name, entry.rows};
  for (size_t i = 0; i < used; ++i) {
    Piece &piece = pieces[i];
    // The compute stream is done; what it did not wait for may not be.
    for (int code; (code = driver().cuEventQuery(piece.end.get())) != cudaSuccess; std::this_thread::yield())
      if (code != cudaNotReady)
        throw Error(piece.what + ": " + cudaMessage("cuEventQuery", code));
    float milliseconds = 0;
    TP_CUDA(cuEventElapsedTime, &milliseconds, piece.begin.get(), piece.end.get());
    if (first)
      continue;
    Times &sum = times[key][piece.what];
    const double microseconds = double(milliseconds) * 1e3;
    sum.least = sum.count ? std::min(sum.least, microseconds) : microseconds;
    sum.microseconds += microseconds;
    ++sum.count;
  }
  used = 0;
  if (first)
    return;
  ++calls[key];
  write();
}

static nlohmann::ordered_json jsonOf(const Crossover &of) {
  nlohmann::ordered_json json{{"axes", of.axes}, {"ranks", of.ranks}, {"bytes", of.bytes}};
  auto &measured = json["measured"] = nlohmann::ordered_json::array();
  for (const Crossover::Sample &s : of.samples)
    measured.push_back({{"bytes", s.bytes}, {"one_shot_microseconds", s.oneShot}, {"nccl_microseconds", s.nccl}});
  return json;
}

void Profile::write() const {
  auto json = nlohmann::ordered_json{{"one_shot", nlohmann::ordered_json::array()},
                                     {"entries", nlohmann::ordered_json::array()}};
  for (const Crossover &of : crossovers)
    json["one_shot"].push_back(jsonOf(of));
  for (const auto &[key, work] : times) {
    auto list = nlohmann::ordered_json::array();
    for (const auto &[what, sum] : work)
      list.push_back({{"work", what},
                      {"count", sum.count},
                      {"microseconds", sum.microseconds},
                      {"least_microseconds", sum.least}});
    json["entries"].push_back({{"entry", key.first}, {"rows", key.second}, {"calls", calls.at(key)}, {"work", list}});
  }
  std::ofstream out(path, std::ios::trunc);
  out << json.dump(1) << "\n";
  out.close();
  if (!out)
    throw Error("TP_CUDA_PROFILE: cannot write " + path);
}

} // namespace tp::rt::cuda

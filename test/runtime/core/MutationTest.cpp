// Manifests with random damage: opening such a package succeeds or throws Error with one line; it does not crash or
// hang.
#include "core/Error.h"
#include "core/Package.h"
#include "core/ToyPackage.h"

#include <gtest/gtest.h>

#include <random>

namespace tp::rt::test {
namespace {

using Json = nlohmann::json;

class Mutator {
public:
  explicit Mutator(uint32_t seed) : random(seed) {}

  std::string damagedText(std::string text) {
    for (int64_t n = pick(1, 4); n > 0; --n) {
      size_t at = size_t(pick(0, int64_t(text.size()) - 1)), length = size_t(pick(1, 20));
      switch (pick(0, 4)) {
      case 0:
        text[at] = char(pick(0, 255));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(size_t(pick(0, int64_t(text.size()) - 1)), length));
        break;
      case 3:
        text.resize(at + 1);
        break;
      case 4:
        text[at] = "0123456789-\"[]{},:.eE"[pick(0, 20)];
        break;
      }
    }
    return text;
  }

  // Another value somewhere in the tree, or one less.
  Json damagedValue(Json json) {
    Json *at = &json;
    while (at->is_structured() && !at->empty() && pick(0, 9) > 0) {
      auto it = at->begin();
      std::advance(it, pick(0, int64_t(at->size()) - 1));
      if (pick(0, 19) == 0) {
        at->erase(it);
        return json;
      }
      at = &*it;
    }
    *at = value();
    return json;
  }

private:
  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }
  Json value() {
    const Json values[] = {nullptr,
                           true,
                           -1,
                           0,
                           1,
                           2,
                           3,
                           INT64_MAX,
                           INT64_MIN,
                           UINT64_MAX,
                           1e300,
                           0.5,
                           "",
                           "..",
                           "tp",
                           "f32",
                           "all_gather",
                           "permute",
                           "i32",
                           {1, 2},
                           {0, 0},
                           {5, -5},
                           {{"a", 1}},
                           Json::array(),
                           Json::object(),
                           1 << 20,
                           int64_t(1) << 40,
                           int64_t(1) << 50,
                           "toy_decode",
                           std::string(5000, 'x')};
    return values[pick(0, int64_t(std::size(values)) - 1)];
  }
  std::mt19937 random;
};

TEST(Mutation, TwoThousandDamagedManifestsNeverCrash) {
  ScratchFolder scratch;
  writeToyPackage(scratch.path, 2);
  Json good = toyManifest(2);
  Json windows{{"dim", 0}, {"global", 4}, {"local", 2}, {"starts", {0, 2}}, {"lengths", {2, 2}}};
  Json concat = windows;
  concat["dim"] = 1;
  good["collectives"].push_back({{"kind", "all_to_all"},
                                 {"axes", {"tp"}},
                                 {"type", "f32"},
                                 {"shape", {4, 2}},
                                 {"bytes", 8},
                                 {"origin", ""},
                                 {"split", windows},
                                 {"concat", concat}});
  good["collectives"].push_back({{"kind", "permute"},
                                 {"axes", {"tp"}},
                                 {"type", "i32"},
                                 {"count", 4},
                                 {"source", {-1, 0}},
                                 {"bytes", 8},
                                 {"origin", ""}});
  Mutator mutator(7);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text = i % 2 ? mutator.damagedText(good.dump(1)) : mutator.damagedValue(good).dump(1);
    writeManifest(scratch.path, text);
    try {
      Package package(scratch.path);
    } catch (const Error &e) {
      ++refused;
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what();
      EXPECT_LT(std::string(e.what()).size(), 7000u);
    }
  }
  EXPECT_GT(refused, 1000);
}

} // namespace
} // namespace tp::rt::test

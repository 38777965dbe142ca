//===- HfCheckpoint.cpp - A Hugging Face directory as a Checkpoint -------------------------------------------===//
#include "Formats.h"
#include "Json.h"
#include "MappedFile.h"
#include "Safetensors.h"
#include "Text.h"
#include <filesystem>
#include <map>

namespace fs = std::filesystem;
using nlohmann::json;

namespace tp::checkpoint {
namespace {

class HfCheckpoint : public Checkpoint {
public:
  explicit HfCheckpoint(const std::string &directory);
  std::string format() const override { return "huggingface"; }
  std::string tokenizerJson() const override {
    fs::path path = fs::path(location) / "tokenizer.json";
    return fs::exists(path) ? path.string() : std::string();
  }

private:
  std::vector<TensorInfo> openShard(const fs::path &path) {
    files.push_back(std::make_unique<MappedFile>(path.string()));
    return parseSafetensors(*files.back(), files.size() - 1);
  }
  void openIndexed(const fs::path &index);
};

/// `directory` with its own name, also where it is given as "." or with a slash at the end.
std::string directoryName(const std::string &directory) {
  std::error_code problem;
  fs::path path = fs::canonical(directory, problem);
  return problem ? directory : path.filename().string();
}

HfCheckpoint::HfCheckpoint(const std::string &directory) : Checkpoint(directory) {
  fs::path root(directory);
  fs::path configPath = root / "config.json";
  if (!fs::exists(configPath))
    throw Error("expected config.json, found none in directory " + quote(directory));
  model = readHfConfig(parseObjectFile(configPath.string()), quote(configPath.string()));
  model.modelName = directoryName(directory);
  readHfSpecials(directory, model);
  if (fs::path single = root / "model.safetensors"; fs::exists(single))
    for (TensorInfo &tensor : openShard(single))
      addTensor(std::move(tensor));
  else if (fs::path index = root / "model.safetensors.index.json"; fs::exists(index))
    openIndexed(index);
}

/// Opens the shards that the index names. A tensor that is in a shard but not in the index does not exist.
void HfCheckpoint::openIndexed(const fs::path &index) {
  std::string where = quote(index.string());
  json parsed = parseObjectFile(index.string(), {.uniqueKeys = true, .skipTopLevel = ""});
  KeyReader keys(parsed, where);
  if (!keys.has("weight_map"))
    keys.missing("weight_map");
  const json &map = *keys.find("weight_map");
  if (!map.is_object())
    keys.wrong("weight_map", "an object");
  std::map<std::string, std::map<std::string, TensorInfo>> shards;
  for (const auto &[tensor, file] : map.items()) {
    if (!file.is_string())
      throw Error("expected the name of a file for tensor " + quote(tensor) + " in " + where + ", found another value");
    std::string name = file.get<std::string>();
    if (name.empty() || name.find('/') != name.npos || name.find('\0') != name.npos)
      throw Error("expected the name of a file beside the index for tensor " + quote(tensor) + ", found " +
                  quote(name) + " in " + where);
    auto [it, isNew] = shards.try_emplace(name);
    if (isNew) {
      fs::path path = index.parent_path() / name;
      if (!fs::exists(path))
        throw Error("expected shard " + quote(name) + ", which " + where + " names, found none");
      for (TensorInfo &info : openShard(path))
        it->second.emplace(info.name, std::move(info));
    }
    auto found = it->second.find(tensor);
    if (found == it->second.end())
      throw Error("expected tensor " + quote(tensor) + " in shard " + quote(name) + ", as " + where +
                  " says, found none");
    addTensor(found->second);
  }
}

} // namespace

std::unique_ptr<Checkpoint> openHuggingFace(const std::string &path) {
  try {
    return std::make_unique<HfCheckpoint>(path);
  } catch (const fs::filesystem_error &error) {
    throw Error("expected a readable directory, found " + quote(path) + ": " + error.code().message());
  }
}

} // namespace tp::checkpoint

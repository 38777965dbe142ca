#include "Folder.h"

#include "tp/Support/Error.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace tp::package {

// std::error_code of errno and of <filesystem> alike.
[[noreturn]] static void fail(const std::string &what, const std::string &path, const std::error_code &reason) {
  throw Error(what + " '" + path + "': " + reason.message());
}
static std::error_code lastError() { return {errno, std::generic_category()}; }

static bool isPackage(const std::string &path) {
  std::ifstream file(path + "/manifest.json", std::ios::binary);
  nlohmann::json json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  auto format = json.is_object() ? json.find("format") : json.end();
  return json.is_object() && format != json.end() && *format == "tp-package";
}

// Whether a folder has nothing that a package does not have.
static bool isUnfinishedPackage(const fs::path &path) {
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(path, error)))
    return false;
  for (auto it = fs::directory_iterator(path, error); !error && it != fs::directory_iterator(); it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name != "manifest.json" && name != "program.so" && name != "tokenizer.json" && name != "weights")
      return false;
  }
  return !error;
}

std::string resolveTarget(const std::string &path) {
  std::error_code error;
  fs::path target = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error)
    fail("cannot use", path, error);
  if (!target.has_filename())
    target = target.parent_path(); // a trailing slash
  if (path.empty() || !target.has_filename())
    throw Error("expected the path of a package, found '" + path + "'");
  fs::file_status status = fs::symlink_status(target, error);
  if (error && status.type() != fs::file_type::not_found)
    fail("cannot use", path, error);
  if (!fs::exists(status))
    return target.string();
  if (!fs::is_directory(status))
    throw Error("expected a package or nothing at '" + path +
                "', found something that is not a folder; it stays as it is");
  bool empty = fs::is_empty(target, error);
  if (error)
    fail("cannot read", path, error);
  if (!empty && !isPackage(target.string()))
    throw Error("expected a package or nothing at '" + path +
                "', found a folder that is not a package; it stays as it is");
  return target.string();
}

static void removeAll(const std::string &path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error)
    fail("cannot remove", path, error);
}

// An open folder with an exclusive lock, -1 where another process has it.
static int lockFolder(const std::string &path) {
  int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    fail("cannot open", path, lastError());
  // A file system without locks does without.
  if (::flock(folder, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
    return folder;
  ::close(folder);
  return -1;
}

static void removeLeftover(const std::string &partial) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(partial, error)))
    return;
  if (!isUnfinishedPackage(partial))
    throw Error("expected nothing or an unfinished package at '" + partial +
                "', found something else; it stays as it is");
  int lock = lockFolder(partial);
  if (lock < 0)
    throw Error("another process is writing '" + partial + "'");
  removeAll(partial);
  ::close(lock);
}

PartialFolder::PartialFolder(const std::string &target) : target(target), partial(target + ".partial") {
  removeLeftover(partial);
  if (::mkdir(partial.c_str(), 0777) != 0)
    fail("cannot create", partial, lastError());
  lock = lockFolder(partial);
  if (lock < 0)
    throw Error("another process is writing '" + partial + "'");
}

PartialFolder::~PartialFolder() {
  if (lock < 0)
    return;
  std::error_code ignored; // a message about the cause is on its way
  fs::remove_all(partial, ignored);
  ::close(lock);
}

void PartialFolder::makeFolder(const std::string &name) const {
  if (::mkdir(file(name).c_str(), 0777) != 0)
    fail("cannot create", file(name), lastError());
}

void PartialFolder::publish() {
  resolveTarget(target); // nothing else has come there meanwhile
  if (::rename(partial.c_str(), target.c_str()) != 0) {
    if (errno != ENOTEMPTY && errno != EEXIST)
      fail("cannot create", target, lastError());
    // There is an old package: change places with it, or where the file system cannot, put it aside for a moment.
    if (::renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
      removeAll(partial);
    } else {
      std::string old = target + ".old";
      if (::rename(target.c_str(), old.c_str()) != 0)
        fail("cannot replace", target, lastError());
      if (::rename(partial.c_str(), target.c_str()) != 0) {
        std::error_code reason = lastError();
        ::rename(old.c_str(), target.c_str());
        fail("cannot replace", target, reason);
      }
      removeAll(old);
    }
  }
  ::close(lock);
  lock = -1;
}

} // namespace tp::package

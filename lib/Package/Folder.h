// The folder that becomes the package when it is complete.
#ifndef TP_LIB_PACKAGE_FOLDER_H
#define TP_LIB_PACKAGE_FOLDER_H

#include <string>

namespace tp::package {

// The folder that `path` names, without links, dots and a trailing slash. Throws tp::Error when what is there is
// neither a package nor an empty folder.
std::string resolveTarget(const std::string &path);

// An empty folder beside the target. Destroyed before publish(), it goes with all that is in it.
class PartialFolder {
public:
  // `target` from resolveTarget(). What an earlier, ended run left is removed; an error when another process writes
  // there now.
  explicit PartialFolder(const std::string &target);
  PartialFolder(const PartialFolder &) = delete;
  ~PartialFolder();

  std::string file(const std::string &name) const { return partial + "/" + name; }
  void makeFolder(const std::string &name) const;
  // Takes the target's place; what was there is removed.
  void publish();

private:
  std::string target, partial;
  int lock = -1; // the open folder; the lock goes with the process
};

} // namespace tp::package

#endif

// Code from a file: opened, asked for symbols, closed on destruction.
#ifndef TP_RT_SHAREDOBJECT_H
#define TP_RT_SHAREDOBJECT_H

#include <string>

namespace tp::rt {

class SharedObject {
public:
  // Throws Error when the file is no shared object for this machine or is shorter than it says: the loader would map
  // the missing part and the process would die of it.
  explicit SharedObject(const std::string &path);
  SharedObject(const SharedObject &) = delete;
  SharedObject &operator=(const SharedObject &) = delete;
  ~SharedObject();

  // Null when there is no such symbol.
  void *symbol(const std::string &name) const;

private:
  void *handle = nullptr;
};

} // namespace tp::rt

#endif

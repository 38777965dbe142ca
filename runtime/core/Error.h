// The runtime's one exception. Messages are lowercase, without a full stop, and say what was expected, what was found
// and where.
#ifndef TP_RT_ERROR_H
#define TP_RT_ERROR_H

#include <stdexcept>
#include <string>

namespace tp::rt {

class Error : public std::runtime_error {
public:
  explicit Error(const std::string &message) : std::runtime_error(message) {}
};

} // namespace tp::rt

#endif

#include "comm/SocketTransport.h"

#include "core/Barrier.h"
#include "core/Error.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace tp::rt {
namespace {

using Clock = std::chrono::steady_clock;

tp_transport table;
std::vector<int> sockets; // by rank, -1 for this one
Clock::time_point deadline;

int number(const char *name, const char *otherwise, int least, int most) {
  const char *text = std::getenv(name);
  const std::string value = text ? text : otherwise;
  int result = 0;
  auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (code != std::errc() || end != value.data() + value.size() || result < least || result > most)
    throw Error(std::string(name) + ": expected a number from " + std::to_string(least) + " to " +
                std::to_string(most) + ", found '" + value + "'");
  return result;
}

[[noreturn]] void failCall(const std::string &what) { throw Error(what + ": " + std::strerror(errno)); }

[[noreturn]] void failLate() {
  throw Error("not all " + std::to_string(table.size) + " ranks have come within the time of TP_TIMEOUT");
}

// Sends or receives all of it; for the time before exchange().
template <typename F> void transferAll(int socket, char *data, size_t bytes, short event, F transfer) {
  while (bytes > 0) {
    pollfd entry{socket, event, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || poll(&entry, 1, int(left)) == 0)
      failLate();
    const ssize_t n = transfer(socket, data, bytes);
    if (n == 0)
      throw Error("a rank ended while the ranks were finding each other");
    if (n < 0 && errno != EAGAIN && errno != EINTR)
      failCall("cannot reach a rank");
    if (n > 0) {
      data += n;
      bytes -= size_t(n);
    }
  }
}
template <typename T> void sendTo(int socket, const T &value) {
  T copy = value;
  transferAll(socket, reinterpret_cast<char *>(&copy), sizeof(T), POLLOUT,
              [](int s, char *data, size_t n) { return ::send(s, data, n, MSG_NOSIGNAL); });
}
template <typename T> T receiveFrom(int socket) {
  T value{};
  transferAll(socket, reinterpret_cast<char *>(&value), sizeof(T), POLLIN,
              [](int s, char *data, size_t n) { return ::recv(s, data, n, 0); });
  return value;
}

void prepareSocket(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
}

int listenOn(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(uint16_t(port));
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (socket < 0 || bind(socket, reinterpret_cast<sockaddr *>(&address), sizeof(address)) < 0 ||
      listen(socket, SOMAXCONN) < 0)
    failCall("cannot listen on port " + std::to_string(port));
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
  return socket;
}

int portOf(int socket) {
  sockaddr_in address{};
  socklen_t bytes = sizeof(address);
  getsockname(socket, reinterpret_cast<sockaddr *>(&address), &bytes);
  return ntohs(address.sin_port);
}

int acceptOn(int listener, sockaddr_in &from) {
  pollfd entry{listener, POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || poll(&entry, 1, int(left)) == 0)
      failLate();
    socklen_t bytes = sizeof(from);
    const int socket = accept4(listener, reinterpret_cast<sockaddr *>(&from), &bytes, SOCK_CLOEXEC);
    if (socket >= 0) {
      prepareSocket(socket);
      return socket;
    }
  }
}

int connectTo(const sockaddr_in &address) {
  for (;;) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0)
      failCall("cannot make a socket");
    if (connect(socket, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) == 0) {
      prepareSocket(socket);
      return socket;
    }
    close(socket);
    if (Clock::now() > deadline)
      failLate();
    std::this_thread::sleep_for(std::chrono::milliseconds(20)); // the other is not there yet
  }
}

sockaddr_in resolve(const std::string &host, int port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  if (int code = getaddrinfo(host.c_str(), nullptr, &hints, &found))
    throw Error("MASTER_ADDR '" + host + "': " + gai_strerror(code));
  sockaddr_in address;
  std::memcpy(&address, found->ai_addr, sizeof(address));
  freeaddrinfo(found);
  address.sin_port = htons(uint16_t(port));
  return address;
}

struct Hello {
  int32_t magic, rank, size, port;
};
constexpr int32_t magic = 0x74702d31;

// Takes a rank's connection; who comes twice, or belongs to another job, is an error.
Hello welcome(int listener, sockaddr_in &from) {
  const int socket = acceptOn(listener, from);
  const Hello hello = receiveFrom<Hello>(socket);
  if (hello.magic != magic || hello.size != table.size || hello.rank < 0 || hello.rank >= table.size ||
      sockets[size_t(hello.rank)] >= 0 || hello.rank == table.rank)
    throw Error("rank " + std::to_string(hello.rank) + " of " + std::to_string(hello.size) + " connects to rank " +
                std::to_string(table.rank) + " of " + std::to_string(table.size) + ": is another job using the port?");
  sockets[size_t(hello.rank)] = socket;
  return hello;
}

// Rank 0 learns where each rank listens and tells all; then each connects to the ranks below it.
void joinAll(const std::string &master, int port) {
  std::vector<sockaddr_in> addresses(size_t(table.size), sockaddr_in{});
  const int listener = listenOn(table.rank == 0 ? port : 0);
  if (table.rank == 0) {
    for (int i = 1; i < table.size; ++i) {
      sockaddr_in from{};
      const Hello hello = welcome(listener, from);
      from.sin_port = htons(uint16_t(hello.port));
      addresses[size_t(hello.rank)] = from;
    }
    for (int rank = 1; rank < table.size; ++rank)
      for (const sockaddr_in &address : addresses)
        sendTo(sockets[size_t(rank)], address);
  } else {
    const Hello hello{magic, table.rank, table.size, portOf(listener)};
    sockets[0] = connectTo(resolve(master, port));
    sendTo(sockets[0], hello);
    for (sockaddr_in &address : addresses)
      address = receiveFrom<sockaddr_in>(sockets[0]);
    for (int below = 1; below < table.rank; ++below) {
      sockets[size_t(below)] = connectTo(addresses[size_t(below)]);
      sendTo(sockets[size_t(below)], hello);
    }
    for (int above = table.rank + 1; above < table.size; ++above) {
      sockaddr_in from{};
      welcome(listener, from);
    }
  }
  close(listener);
}

// What is left of a message.
struct Part {
  int peer;
  char *data;
  int64_t bytes;
  bool out;
};

// One step of a part; false: the peer has gone.
bool advance(Part &part) {
  const int socket = sockets[size_t(part.peer)];
  const ssize_t n = part.out ? ::send(socket, part.data, size_t(part.bytes), MSG_NOSIGNAL)
                             : ::recv(socket, part.data, size_t(part.bytes), 0);
  if (n > 0) {
    part.data += n;
    part.bytes -= n;
  }
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

int exchange(const tp_message *messages, int count, int, double seconds, char *error, int errorSize) {
  std::vector<Part> parts;
  for (int i = 0; i < count; ++i) {
    const tp_message &m = messages[i];
    parts.push_back({m.peer, const_cast<char *>(static_cast<const char *>(m.send)), m.send_bytes, true});
    parts.push_back({m.peer, static_cast<char *>(m.receive), m.receive_bytes, false});
  }
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (;;) {
    std::vector<pollfd> waits;
    std::vector<Part *> busy; // the first of each peer and direction: they go in order
    for (Part &part : parts) {
      bool behind = false;
      for (const Part *other : busy)
        behind |= other->peer == part.peer && other->out == part.out;
      if (part.bytes == 0 || behind)
        continue;
      busy.push_back(&part);
      waits.push_back({sockets[size_t(part.peer)], short(part.out ? POLLOUT : POLLIN), 0});
    }
    if (busy.empty())
      return -1;
    if (poll(waits.data(), waits.size(), 100) == 0 && Clock::now() > end)
      return busy.front()->peer;
    for (size_t i = 0; i < busy.size(); ++i)
      if (waits[i].revents && !advance(*busy[i])) {
        std::snprintf(error, size_t(errorSize), "rank %d has ended", busy[i]->peer);
        return -2;
      }
  }
}

// The others see their connections close.
void abortAll(int code) { _Exit(code); }

void finalize() {
  std::vector<tp_message> messages;
  std::vector<char> bytes(size_t(table.size) * 2);
  for (int peer = 0; peer < table.size; ++peer)
    if (peer != table.rank)
      messages.push_back({peer, &bytes[size_t(peer)], 1, &bytes[size_t(table.size) + size_t(peer)], 1});
  char ignored[64];
  exchange(messages.data(), int(messages.size()), 1, 10, ignored, int(sizeof(ignored)));
  for (int socket : sockets)
    if (socket >= 0)
      close(socket);
}

const tp_transport &open() {
  constexpr int most = 1 << 16;
  table.size = number("WORLD_SIZE", "", 1, most);
  table.rank = number("RANK", "", 0, table.size - 1);
  table.local_size = number("LOCAL_WORLD_SIZE", std::to_string(table.size).c_str(), 1, table.size);
  table.exchange = exchange;
  table.abort = abortAll;
  table.finalize = finalize;
  const int port = std::getenv("TP_PORT") ? number("TP_PORT", "", 1, 65535) : number("MASTER_PORT", "", 1, 65534) + 1;
  deadline = Clock::now() + std::chrono::milliseconds(int64_t(timeoutFromEnvironment() * 1000));
  sockets.assign(size_t(table.size), -1);
  joinAll(std::getenv("MASTER_ADDR"), port);
  return table;
}

} // namespace

bool startedByEnvironment() {
  for (const char *name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})
    if (!std::getenv(name))
      return false;
  return std::string(std::getenv("WORLD_SIZE")) != "1";
}

const tp_transport &openSocketTransport() {
  static const tp_transport &transport = open();
  return transport;
}

} // namespace tp::rt

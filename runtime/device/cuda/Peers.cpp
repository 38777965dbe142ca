#include "device/cuda/Peers.h"

#include <algorithm>
#include <cstring>
#include <fstream>

namespace tp::rt::cuda {
namespace {

// What a rank tells the others of its buffer.
struct Card {
  char hostId[64] = ""; // of the running system
  bool shared = false;  // it can be opened
  IpcHandle handle{};
};

Card cardOf(Pointer buffer) {
  Card card;
  std::ifstream("/proc/sys/kernel/random/boot_id").read(card.hostId, sizeof(card.hostId) - 1);
  const int code = driver().cuIpcGetMemHandle(&card.handle, buffer);
  if (code != cudaSuccess && code != cudaNotSupported)
    throw Error(cudaMessage("cuIpcGetMemHandle", code));
  card.shared = code == cudaSuccess;
  return card;
}

// 0 where there is no way to it.
Pointer open(const Card &card) {
  Pointer pointer = 0;
  switch (const int code = driver().cuIpcOpenMemHandle_v2(&pointer, card.handle, ipcLazyPeerAccess)) {
  case cudaSuccess:
    return pointer;
  case cudaInvalidValue:
  case cudaInvalidDevice:
  case cudaMapFailed:
  case cudaPeerAccessUnsupported:
  case cudaTooManyPeers:
  case cudaNotSupported:
    return 0;
  default:
    throw Error(cudaMessage("cuIpcOpenMemHandle", code));
  }
}

} // namespace

Peers::Peers(int ranks, const std::vector<const DeviceContext *> &contexts, int firstRank, Communicator *host,
             const tp_transport *transport, int64_t bytes)
    : ranks(ranks), firstRank(firstRank), contexts(contexts), host(host), transport(transport),
      rows(contexts.size(), std::vector<Pointer>(size_t(ranks))), reach(size_t(ranks) * size_t(ranks)) {
  requireAgreement(transport, errorOf([&] {
                     for (size_t i = 0; i < contexts.size(); ++i)
                       forRank(firstRank + int(i), [&] {
                         contexts[i]->makeCurrent();
                         buffers.push_back(makeZeroedBuffer(bytes, "the ranks' meetings"));
                         rows[i][size_t(firstRank) + i] = buffers[i].get();
                       });
                   }));
  if (host)
    reachProcesses();
  else
    reachWithin();
  shareReach();
}

void Peers::reachWithin() {
  for (size_t i = 0; i < contexts.size(); ++i)
    for (size_t j = 0; j < contexts.size(); ++j)
      forRank(int(i), [&] {
        if (i != j && contexts[i]->reach(*contexts[j]))
          rows[i][j] = buffers[j].get();
      });
}

void Peers::reachProcesses() {
  std::vector<Card> cards(static_cast<size_t>(ranks));
  Card &own = cards[size_t(firstRank)];
  requireAgreement(transport, errorOf([&] { own = cardOf(buffers[0].get()); }));
  for (int rank = 0; rank < ranks; ++rank)
    host->broadcast(&cards[size_t(rank)], sizeof(Card), rank);
  requireAgreement(transport, errorOf([&] {
                     for (size_t rank = 0; rank < cards.size(); ++rank)
                       if (const Card &card = cards[rank];
                           rank != size_t(firstRank) && card.shared && std::strcmp(card.hostId, own.hostId) == 0)
                         rows[0][rank] = open(card);
                   }));
}

void Peers::shareReach() {
  for (size_t i = 0; i < rows.size(); ++i)
    std::transform(rows[i].begin(), rows[i].end(), &reach[(size_t(firstRank) + i) * size_t(ranks)],
                   [](Pointer base) { return char(base != 0); });
  if (host)
    for (int rank = 0; rank < ranks; ++rank)
      host->broadcast(&reach[size_t(rank) * size_t(ranks)], ranks, rank);
}

bool Peers::meet(const std::vector<int> &group) const {
  return std::all_of(group.begin(), group.end(), [&](int from) {
    return std::all_of(group.begin(), group.end(),
                       [&](int to) { return reach[size_t(from) * size_t(ranks) + size_t(to)] != 0; });
  });
}

void Peers::close() noexcept {
  if (host)
    for (size_t rank = 0; rank < rows[0].size(); ++rank)
      if (Pointer base = std::exchange(rows[0][rank], 0); base && rank != size_t(firstRank))
        driver().cuIpcCloseMemHandle(base);
}

void Peers::leave() {
  if (!host)
    return;
  host->barrier(); // others may still read this buffer
  close();
  host->barrier(); // or have it open
}

} // namespace tp::rt::cuda

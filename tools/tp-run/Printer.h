// What tp-run prints to standard output, as it is generated.
#ifndef TP_RUN_PRINTER_H
#define TP_RUN_PRINTER_H

#include "Options.h"
#include "core/Prompts.h"
#include "core/Session.h"

namespace tp::run {

class Printer {
public:
  // `codec` may be null unless text is printed. One prompt's text is streamed; several are printed one after the other.
  Printer(Print print, size_t prompts, const rt::TextCodec *codec);

  // A token of a sequence, in the order of generation. False when standard output is closed: there is no one to go on
  // for.
  bool token(int64_t sequence, int32_t token);
  // The end of the run. Throws rt::Error when standard output could not be written.
  void finish(const rt::Result &result, const std::vector<std::vector<int32_t>> &prompts);

private:
  bool streams() const { return print == Print::text && decoders.size() == 1; }
  void line(const rt::Sequence &sequence, const std::vector<int32_t> &prompt, size_t index);
  std::string textOf(const rt::Sequence &sequence) const;

  Print print;
  const rt::TextCodec *codec;
  std::vector<rt::StreamDecoder> decoders; // by prompt; none without a codec
  bool endsLine = true;
};

} // namespace tp::run

#endif

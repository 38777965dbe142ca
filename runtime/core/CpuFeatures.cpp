#include "core/CpuFeatures.h"

#include "core/Error.h"

#include <map>
#include <optional>

namespace tp::rt {
namespace {

#if defined(__x86_64__)
constexpr const char *machine = "x86_64";

// The compiler's own detection, which also asks whether the operating system saves the registers. It takes literals
// alone.
std::optional<bool> supports(const std::string &name) {
#define TP_FEATURE(FEATURE) {(FEATURE), __builtin_cpu_supports(FEATURE) != 0} // NOLINT(bugprone-macro-parentheses)
  // clang-format off
  static const std::map<std::string, bool> known = {
      TP_FEATURE("cmov"), TP_FEATURE("mmx"), TP_FEATURE("sse"), TP_FEATURE("sse2"), TP_FEATURE("sse3"),
      TP_FEATURE("ssse3"), TP_FEATURE("sse4.1"), TP_FEATURE("sse4.2"), TP_FEATURE("sse4a"), TP_FEATURE("popcnt"),
      TP_FEATURE("aes"), TP_FEATURE("pclmul"), TP_FEATURE("gfni"), TP_FEATURE("vpclmulqdq"), TP_FEATURE("avx"),
      TP_FEATURE("avx2"), TP_FEATURE("fma"), TP_FEATURE("fma4"), TP_FEATURE("xop"), TP_FEATURE("bmi"),
      TP_FEATURE("bmi2"), TP_FEATURE("f16c"), TP_FEATURE("lzcnt"), TP_FEATURE("movbe"), TP_FEATURE("adx"),
      TP_FEATURE("avx512f"), TP_FEATURE("avx512vl"), TP_FEATURE("avx512bw"), TP_FEATURE("avx512dq"),
      TP_FEATURE("avx512cd"), TP_FEATURE("avx512vbmi"), TP_FEATURE("avx512ifma"), TP_FEATURE("avx512vpopcntdq"),
      TP_FEATURE("avx512vbmi2"), TP_FEATURE("avx512vnni"), TP_FEATURE("avx512bitalg"), TP_FEATURE("avx512bf16"),
      TP_FEATURE("avx512vp2intersect"), TP_FEATURE("avx512fp16"), TP_FEATURE("avxvnni"), TP_FEATURE("amx-tile"),
      TP_FEATURE("amx-int8"), TP_FEATURE("amx-bf16")};
  // clang-format on
#undef TP_FEATURE
  auto it = known.find(name);
  return it == known.end() ? std::nullopt : std::optional(it->second);
}
#else
constexpr const char *machine =
#if defined(__aarch64__)
    "aarch64";
#else
    "another architecture";
#endif
std::optional<bool> supports(const std::string &) { return std::nullopt; }
#endif

} // namespace

void requireCpu(const std::string &arch, const std::vector<std::string> &features, const std::string &file) {
  if (arch != machine)
    throw Error(file + ": key 'target.arch': the package is for " + arch + ", this machine is " + machine);
  const std::string where = file + ": key 'target.features': ";
  for (const std::string &name : features) {
    std::optional<bool> has = supports(name);
    if (!has)
      throw Error(where + "CPU feature '" + name + "' is not known to this runtime");
    if (!*has)
      throw Error(where + "the package needs the CPU feature '" + name + "', which this machine lacks");
  }
}

} // namespace tp::rt

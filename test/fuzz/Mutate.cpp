#include "Fuzz.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <random>
#include <sstream>

namespace tp::fuzz {
namespace {

std::vector<std::string> linesOf(const std::string &text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

std::string join(const std::vector<std::string> &parts, const char *separator) {
  std::string text;
  for (const std::string &part : parts)
    text += part + separator;
  return text;
}

bool isWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Words with their sigil, numbers, the x between dimensions, strings, white space, and single characters.
std::vector<std::string> tokensOf(const std::string &text) {
  std::vector<std::string> tokens;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    if (text[i] == '"') {
      while (end < text.size() && text[end] != '"' && text[end] != '\n')
        ++end;
      end = std::min(end + 1, text.size());
    } else if (text[i] == 'x' && i > 0 &&
               (std::isdigit(static_cast<unsigned char>(text[i - 1])) || text[i - 1] == '?')) {
      // a token of its own
    } else if (isWord(text[i]) || text[i] == '%' || text[i] == '@' || text[i] == '#') {
      bool number = std::isdigit(static_cast<unsigned char>(text[i]));
      while (end < text.size() && (number ? std::isdigit(static_cast<unsigned char>(text[end])) : isWord(text[end])))
        ++end;
    } else if (std::isspace(static_cast<unsigned char>(text[i]))) {
      while (end < text.size() && std::isspace(static_cast<unsigned char>(text[end])))
        ++end;
    }
    tokens.push_back(text.substr(i, end - i));
    i = end;
  }
  return tokens;
}

// Tokens of one kind may stand for each other.
char kindOf(const std::string &token) {
  if (std::isdigit(static_cast<unsigned char>(token[0])))
    return '0';
  return isWord(token[0]) ? 'w' : token[0];
}

class Mutator {
public:
  Mutator(const std::vector<std::string> &modules, uint64_t seed) : modules(modules), random(seed) {
    text = modules[below(modules.size())];
  }

  std::string run() {
    for (size_t n = std::max<size_t>(1, below(5)); n > 0 && !text.empty(); --n)
      mutateOnce();
    return text;
  }

private:
  size_t below(size_t n) { return n == 0 ? 0 : random() % n; }
  const std::string &other() { return modules[below(modules.size())]; }

  void mutateOnce() {
    switch (below(16)) {
    case 0:
      return mutateByte();
    case 1:
    case 2:
      return mutateLine();
    case 3:
      return splice();
    case 4:
    case 5:
    case 6:
    case 7:
      return replaceEverywhere();
    default:
      return mutateToken();
    }
  }

  void mutateByte() {
    size_t at = below(text.size());
    switch (below(3)) {
    case 0:
      text.erase(at, 1 + below(3));
      break;
    case 1:
      text.insert(at, 1, static_cast<char>(below(256)));
      break;
    default:
      text[at] = static_cast<char>(text[at] ^ 1 << below(8));
    }
  }

  void mutateLine() {
    std::vector<std::string> lines = linesOf(text);
    if (lines.empty())
      return;
    size_t at = below(lines.size());
    switch (below(4)) {
    case 0:
      lines.erase(lines.begin() + at);
      break;
    case 1:
      lines.insert(lines.begin() + below(lines.size()), lines[at]);
      break;
    case 2:
      std::swap(lines[at], lines[below(lines.size())]);
      break;
    default:
      if (std::vector<std::string> others = linesOf(other()); !others.empty())
        lines.insert(lines.begin() + at, others[below(others.size())]);
    }
    text = join(lines, "\n");
  }

  // The start of this module and the end of another, or the other between two lines of this.
  void splice() {
    std::vector<std::string> lines = linesOf(text), others = linesOf(other());
    size_t at = below(lines.size() + 1);
    if (below(2)) {
      lines.resize(at);
      lines.insert(lines.end(), others.begin() + below(others.size() + 1), others.end());
    } else {
      lines.insert(lines.begin() + at, others.begin(), others.end());
    }
    text = join(lines, "\n");
  }

  std::string number() {
    static const char *const numbers[] = {"0",
                                          "1",
                                          "2",
                                          "3",
                                          "4",
                                          "5",
                                          "7",
                                          "8",
                                          "16",
                                          "63",
                                          "127",
                                          "1000",
                                          "65536",
                                          "2147483647",
                                          "2147483648",
                                          "4294967296",
                                          "9223372036854775807",
                                          "18446744073709551616",
                                          "-1",
                                          "1.0e38"};
    return numbers[below(std::size(numbers))];
  }

  // A token of the same kind from this module or another.
  std::string alike(const std::vector<std::string> &tokens, const std::string &token) {
    std::vector<std::string> found = below(4) ? tokens : tokensOf(other());
    std::erase_if(found, [&](const std::string &t) { return kindOf(t) != kindOf(token) || t == token; });
    return found.empty() ? token : found[below(found.size())];
  }

  static std::vector<size_t> numbersIn(const std::vector<std::string> &tokens) {
    std::vector<size_t> numbers;
    for (size_t i = 0; i < tokens.size(); ++i)
      if (kindOf(tokens[i]) == '0')
        numbers.push_back(i);
    return numbers;
  }

  // Keeps what must be equal equal: a size or a name becomes another wherever it stands.
  void replaceEverywhere() {
    std::vector<std::string> tokens = tokensOf(text);
    std::vector<size_t> numbers = numbersIn(tokens);
    bool size = below(4) && !numbers.empty();
    std::string old = tokens[size ? numbers[below(numbers.size())] : below(tokens.size())];
    std::string replacement = !size ? alike(tokens, old) : below(3) ? std::to_string(below(10)) : number();
    for (std::string &token : tokens)
      if (token == old)
        token = replacement;
    text = join(tokens, "");
  }

  void mutateToken() {
    std::vector<std::string> tokens = tokensOf(text);
    size_t at = below(tokens.size());
    for (int tries = 0; tries < 8 && std::isspace(static_cast<unsigned char>(tokens[at][0])); ++tries)
      at = below(tokens.size());
    switch (below(8)) {
    case 0:
      tokens.erase(tokens.begin() + at);
      break;
    case 1:
      tokens.insert(tokens.begin() + at, tokens[at]);
      break;
    case 2:
      std::swap(tokens[at], tokens[below(tokens.size())]);
      break;
    case 3:
    case 4: {
      std::vector<size_t> numbers = numbersIn(tokens);
      if (!numbers.empty())
        tokens[numbers[below(numbers.size())]] = number();
      break;
    }
    default:
      tokens[at] = alike(tokens, tokens[at]);
    }
    text = join(tokens, "");
  }

  const std::vector<std::string> &modules;
  std::mt19937_64 random;
  std::string text;
};

} // namespace

std::vector<std::string> readModules(const std::vector<std::string> &files) {
  std::vector<std::string> modules;
  for (const std::string &file : files) {
    std::ifstream in(file);
    std::string module;
    bool invalid = false;
    auto add = [&] {
      if (module.find_first_not_of(" \n") != std::string::npos)
        modules.insert(modules.end(), invalid ? 1 : 8, module);
      module.clear();
      invalid = false;
    };
    for (std::string line; std::getline(in, line);) {
      size_t first = line.find_first_not_of(' ');
      invalid |= line.find("expected-error") != std::string::npos;
      if (line.rfind("// -----", 0) == 0)
        add();
      else if (first != std::string::npos && line.compare(first, 2, "//") != 0)
        module += line + "\n";
    }
    add();
  }
  return modules;
}

std::string mutate(const std::vector<std::string> &modules, uint64_t seed) { return Mutator(modules, seed).run(); }

} // namespace tp::fuzz

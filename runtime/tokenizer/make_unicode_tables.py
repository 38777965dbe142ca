#!/usr/bin/env python3
"""Writes UnicodeTables.inc: what canonical normalization needs, from Python's own Unicode database.

Usage: make_unicode_tables.py > UnicodeTables.inc   (Python 3.11: Unicode 14.0, as PCRE2 10.42)
"""
import sys
import unicodedata

HANGUL = range(0xAC00, 0xD7A4)  # composed by arithmetic


def rows(items):
    line = ""
    for item in items:
        if len(line) + len(item) > 118:
            print(line.rstrip())
            line = ""
        line += item + " "
    print(line.rstrip())


def main():
    classes, decompositions, compositions = [], [], []
    for code in range(0x110000):
        c = chr(code)
        if unicodedata.combining(c):
            classes.append((code, unicodedata.combining(c)))
        parts = unicodedata.decomposition(c)
        if not parts or parts.startswith("<") or code in HANGUL:
            continue
        parts = [int(p, 16) for p in parts.split()]
        decompositions.append((code, parts[0], parts[1] if len(parts) == 2 else 0))
        # A pair that NFC does not put together again is excluded from composition.
        if len(parts) == 2 and unicodedata.normalize("NFC", chr(parts[0]) + chr(parts[1])) == c:
            compositions.append((parts[0], parts[1], code))

    ranges = []  # first, last, class
    for code, value in classes:
        if ranges and ranges[-1][1] == code - 1 and ranges[-1][2] == value:
            ranges[-1][1] = code
        else:
            ranges.append([code, code, value])

    print(f"// Written by make_unicode_tables.py from Unicode {unicodedata.unidata_version}; do not edit.")
    print("// clang-format off")
    print("constexpr ClassRange kClasses[] = {")
    rows("{0x%X,0x%X,%d}," % tuple(r) for r in ranges)
    print("};\nconstexpr Decomposition kDecompositions[] = {")
    rows("{0x%X,0x%X,0x%X}," % d for d in decompositions)
    print("};\nconstexpr Composition kCompositions[] = {")
    rows("{0x%X,0x%X,0x%X}," % c for c in sorted(compositions))
    print("};\n// clang-format on")


if __name__ == "__main__":
    sys.exit(main())

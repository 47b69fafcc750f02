"""In which line of a TOML text a key stands: the standard library's parser keeps no lines.

The text has been parsed before: what is not TOML is not looked for here, and nothing raises. Places are written as in
problems: `outings.return_by`, `levels[2].name`. Keys inside an inline table go by the line of that table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_QUOTES: Final = ('"""', "'''", '"', "'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines from 1 on. of_keys: by place; of_words: of each string in the value of a place."""

    of_keys: Mapping[str, int] = field(default_factory=dict)
    of_words: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def of(self, key: str, word: str = "") -> int:
        """The line of a key, or of this word in its value; of the nearest table around it where it is missing."""
        if (key, word) in self.of_words:
            return self.of_words[key, word]
        while key and key not in self.of_keys:
            key = key.rpartition(".")[0] or key.rpartition("[")[0] * key.endswith("]")
        return self.of_keys.get(key, 1)


def lines_of(text: str) -> Lines:
    """The lines of every key and every word in a text that is TOML."""
    scan = _Scan(text=text.replace("\r\n", "\n"))
    while scan.skip_to_statement():
        scan.header() if scan.text[scan.at] == "[" else scan.pair()
    return Lines(of_keys=scan.of_keys, of_words=scan.of_words)


@dataclass(slots=True, kw_only=True)
class _Scan:
    """Where the scan stands: at this character, in this table."""

    text: str
    at: int = 0
    table: str = ""
    of_keys: dict[str, int] = field(default_factory=dict)
    of_words: dict[tuple[str, str], int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def skip_to_statement(self) -> bool:
        """Move over blanks and comments; whether something follows."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                self._to_line_end()
            elif self.text[self.at].isspace():
                self.at += 1
            else:
                return True
        return False

    def header(self) -> None:
        """A table's name, or another entry of a list of tables."""
        line = self._line()
        is_entry = self.text.startswith("[[", self.at)
        self.at += 2 if is_entry else 1
        parts = self._key("]")
        self._to_line_end()
        name = ""
        for part in parts:
            name = f"{name}.{part}" if name else part
            if name in self.counts and not (is_entry and part is parts[-1]):
                name = f"{name}[{self.counts[name]}]"  # below the latest entry of a list
            self.of_keys.setdefault(name, line)
        if is_entry:
            self.counts[name] = self.counts.get(name, 0) + 1
            name = f"{name}[{self.counts[name]}]"
        self.table = name
        self.of_keys.setdefault(name, line)

    def pair(self) -> None:
        """A key and its value, however many lines that has."""
        line = self._line()
        parts = self._key("=")
        self.at += 1
        place = self.table
        for part in parts:
            place = f"{place}.{part}" if place else part
            self.of_keys.setdefault(place, line)
        self._value(place)

    def _value(self, place: str) -> None:
        depth = 0
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "\n" and depth == 0:
                return
            if letter == "#":
                self._to_line_end()
                continue
            if letter in "\"'":
                line = self._line()
                self.of_words.setdefault((place, self._string()), line)
                continue
            depth += (letter in "[{") - (letter in "]}")
            self.at += 1

    def _key(self, end: str) -> list[str]:
        """The parts of a dotted key; stands at `end` afterwards."""
        parts = [""]
        while self.at < len(self.text) and self.text[self.at] not in (end, "\n"):
            letter = self.text[self.at]
            if letter in "\"'":
                parts[-1] += self._string()
                continue
            if letter == ".":
                parts.append("")
            elif not letter.isspace():
                parts[-1] += letter
            self.at += 1
        return parts

    def _string(self) -> str:
        """What stands between the quotes, as written; stands behind them afterwards."""
        quote = next(each for each in _QUOTES if self.text.startswith(each, self.at))
        begin = self.at = self.at + len(quote)
        while self.at < len(self.text) and not self.text.startswith(quote, self.at):
            self.at += 2 if self.text[self.at] == "\\" and quote[0] == '"' else 1
        end = self.at
        self.at += len(quote)
        return self.text[begin:end]

    def _to_line_end(self) -> None:
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

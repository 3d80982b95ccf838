"""Ordered include and exclude rules on the relative key, and limits on size and age.

The first rule that matches decides. If none matches, a key is in, unless there is any include rule: includes restrict.

Globs: `*` and `?` stop at `/`, `**` does not, `[a-z]` and `[!a-z]` are classes, `{a,b}` are choices, a backslash
takes the next character as it is. A pattern without `/` is matched against the last component of the key (or, for
`name/`, never: give `name/**`); a pattern with `/` against the whole relative key, a leading `/` only anchors it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from brigade.errors import UsageError
from brigade.objects import ObjectInfo
from brigade.replications import FilterRule, Policy

NANOSECONDS = 1_000_000_000


def compile_pattern(pattern: str) -> Callable[[str], object]:
    """A matcher of relative keys for one glob or `re:` expression. Raises `UsageError` naming the pattern."""
    if not pattern or pattern in ("re:", "/"):
        raise UsageError("an empty filter pattern matches nothing or everything", hint="write ** for all keys")
    try:
        if pattern.startswith("re:"):
            return re.compile(pattern[3:], re.DOTALL).search
        if "/" not in pattern and "**" not in pattern:
            return re.compile(f"(?:.*/)?{_translate(pattern)}", re.DOTALL).fullmatch
        return re.compile(_translate(pattern.removeprefix("/")), re.DOTALL).fullmatch
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"bad filter pattern {pattern!r}: {error}") from None


def _translate(glob: str) -> str:
    """The regular expression of a glob. Raises re.error with words for what cannot be read."""
    out: list[str] = []
    i = 0
    depth = 0
    while i < len(glob):
        rest = glob[i:]
        char = glob[i]
        if rest.startswith("**/") and (i == 0 or glob[i - 1] == "/"):
            out.append("(?:.*/)?")
            i += 3
            continue
        if rest.startswith("**"):
            out.append(".*")
            i += 2
            continue
        if char == "[":
            text, length = _translate_class(rest)
            out.append(text)
            i += length
            continue
        if char == "\\":
            if len(rest) == 1:
                raise re.error("nothing follows the backslash")
            out.append(re.escape(rest[1]))
            i += 2
            continue
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth < 0:
                raise re.error("} without {")
        out.append(_translate_char(char, depth))
        i += 1
    if depth:
        raise re.error("{ without }")
    return "".join(out)


def _translate_char(char: str, depth: int) -> str:
    if char == "," and depth:
        return "|"
    return {"*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}.get(char) or re.escape(char)


def _translate_class(rest: str) -> tuple[str, int]:
    """The character class at the start of `rest` and how many characters of it that took."""
    negated = rest[1:2] in ("!", "^")
    first = 2 if negated else 1
    # A bracket right at the start is one of the characters, as in every shell.
    end = rest.find("]", first + 1)
    if end < 0:
        raise re.error("[ without ]")
    members = _escape_members(rest[first:end])
    # No class matches the slash, also not by a range around it.
    return (f"[^/{members}]" if negated else f"(?!/)[{members}]"), end + 1


def _escape_members(inner: str) -> str:
    """The members of a class, each escaped, so that only a hyphen between two of them means a range."""
    out: list[str] = []
    i = 0
    while i < len(inner):
        if inner[i + 1 : i + 2] == "-" and i + 2 < len(inner):
            out.append(f"{re.escape(inner[i])}-{re.escape(inner[i + 2])}")
            i += 3
        else:
            out.append(re.escape(inner[i]))
            i += 1
    return "".join(out)


@dataclass(frozen=True, slots=True)
class Selector:
    """The compiled filters of a policy. `now_ns` is the time that ages are counted from."""

    rules: tuple[tuple[bool, str, Callable[[str], object]], ...]
    restricts: bool
    min_size_bytes: int | None
    max_size_bytes: int | None
    modified_before_ns: int | None
    modified_after_ns: int | None

    @property
    def takes_all(self) -> bool:
        """True if nothing can be excluded, so that nobody need ask."""
        return not self.rules and not self._has_limits

    @property
    def _has_limits(self) -> bool:
        limits = (self.min_size_bytes, self.max_size_bytes, self.modified_before_ns, self.modified_after_ns)
        return any(limit is not None for limit in limits)

    def exclude_key(self, key: str) -> str | None:
        """Why the patterns exclude this relative key, None if they do not."""
        for include, pattern, matches in self.rules:
            if matches(key):
                return None if include else f"excluded by {pattern!r}"
        return "not included by any pattern" if self.restricts else None

    def exclude_object(self, source: ObjectInfo) -> str | None:
        """Why size or age exclude this source object, None if they do not."""
        if self.min_size_bytes is not None and source.size_bytes < self.min_size_bytes:
            return "smaller than the minimum size"
        if self.max_size_bytes is not None and source.size_bytes > self.max_size_bytes:
            return "larger than the maximum size"
        if self.modified_before_ns is not None and not 0 < source.modified_ns <= self.modified_before_ns:
            return "younger than the minimum age" if source.modified_ns > 0 else "of unknown age"
        if self.modified_after_ns is not None and source.modified_ns < self.modified_after_ns:
            return "older than the maximum age"
        return None


def compile_selector(policy: Policy, *, now_ns: int) -> Selector:
    """The selector of a policy. Raises `UsageError` for a bad pattern."""
    return Selector(
        rules=tuple(_compile_rule(rule) for rule in policy.filters),
        restricts=any(rule.include for rule in policy.filters),
        min_size_bytes=policy.min_size_bytes,
        max_size_bytes=policy.max_size_bytes,
        modified_before_ns=_before(now_ns, youngest_seconds(policy)),
        modified_after_ns=_before(now_ns, policy.max_age_seconds),
    )


def _compile_rule(rule: FilterRule) -> tuple[bool, str, Callable[[str], object]]:
    return rule.include, rule.pattern, compile_pattern(rule.pattern)


def youngest_seconds(policy: Policy) -> float | None:
    """How old an object must be to be copied, None where its age is all the same."""
    ages = [age for age in (policy.min_age_seconds, policy.copy_after_seconds) if age is not None]
    return max(ages) if ages else None


def _before(now_ns: int, age_seconds: float | None) -> int | None:
    return None if age_seconds is None else now_ns - int(age_seconds * NANOSECONDS)

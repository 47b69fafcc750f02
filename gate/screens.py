"""Messages from the terminal to whoever shows them: the kiosk, a log, a test."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenMessage:
    """What the resident is told now. instruction, reason and question are keys of the texts, never words."""

    instruction: str
    reason: str | None = None
    question: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """Plain JSON members."""
        return {"instruction": self.instruction, "reason": self.reason, "question": self.question}

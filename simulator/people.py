"""Residents with a household, a pass and a forehead, and what they do at a gate.

The passes are made by the office when a street is set up, and kept in a file of mode 0600: a phone's key is in it,
because the simulator is the phone. Nothing here knows whether a gate will open.
"""

import base64
import json
import os
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from model.credentials import Colour
from model.identities import HouseholdId, PassId
from model.temperature import Celsius
from passes.claims import decode_claims, encode_claims
from passes.code_text import CodeForm, write_text
from passes.envelope import open_envelope, seal
from passes.errors import PassError
from passes.holder import SoftwareHolder, step_at
from simulator.errors import SceneRefused

FORMAT = "gatehouse-people-1"
PEOPLE_MAX = 1000
WEB_ADDRESS = "HTTPS://SHOP.EXAMPLE/MENU/7"


class Behaviour(Enum):
    """What is special about a visit."""

    NORMAL = "normal"
    FEVER = "fever"
    COLD_FOREHEAD = "cold_forehead"
    FORGED_PASS = "forged_pass"
    WALKS_AWAY = "walks_away"
    SECOND_PASS = "second_pass"
    REVOKED = "revoked"
    EXPIRED = "expired"
    WEB_ADDRESS = "web_address"
    SCREENSHOT = "screenshot"  # the phone's code of ten minutes ago


class Carrier(Enum):
    """What a person holds before the scanner."""

    PAPER = "paper"
    PHONE = "phone"
    PHONE_DARK_MODE = "phone_dark_mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """A person's pass. holder: the phone's key; None for a printed pass, whose text never changes."""

    pass_id: PassId
    envelope: bytes
    holder: SoftwareHolder | None

    def code(self, now: datetime) -> str:
        """The text that is shown now: GP1 on paper, a fresh GD1 on a phone."""
        if self.holder is None:
            return write_text(CodeForm.STATIC, self.envelope)
        return self.holder.code(self.envelope, step_at(now))

    def forged(self) -> "Wallet":
        """The same pass with a better colour and another household, under the old signature, as a forger would try."""
        envelope = open_envelope(self.envelope)
        claims = decode_claims(envelope.payload)
        better = replace(claims, colour=Colour.GREEN, household=HouseholdId(claims.household % 30_000 + 1))
        return replace(self, envelope=seal(envelope.protected, encode_claims(better), envelope.signature))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """Somebody who walks through gates. name: masked, as a guard would see it. core_c: true inner temperature.

    outdoors_s: how long out in the cold before this gate. pace: 1.0 = usual, 1.6 = old or heavily laden.
    """

    name: str
    household: HouseholdId
    wallet: Wallet
    carrier: Carrier
    core_c: Celsius
    outdoors_s: float = 90.0
    pace: float = 1.0
    behaviour: Behaviour = Behaviour.NORMAL


def shown_code(resident: Resident, now: datetime) -> str:
    """What this person's paper or screen says now."""
    match resident.behaviour:
        case Behaviour.WEB_ADDRESS:
            return WEB_ADDRESS
        case Behaviour.FORGED_PASS:
            return resident.wallet.forged().code(now)
        case Behaviour.SCREENSHOT:
            return resident.wallet.code(datetime.fromtimestamp(now.timestamp() - 600.0, now.tzinfo))
        case _:
            return resident.wallet.code(now)


def as_behaving(resident: Resident, behaviour: Behaviour) -> Resident:
    """The same person on a day on which something is different: fever, or an hour in the wind."""
    match behaviour:
        case Behaviour.FEVER:
            # No long way in the cold: a fever that the frost hides is what COLD_FOREHEAD is for.
            return replace(resident, behaviour=behaviour, core_c=Celsius(39.4), outdoors_s=20.0)
        case Behaviour.COLD_FOREHEAD:
            return replace(resident, behaviour=behaviour, outdoors_s=3600.0)
        case _:
            return replace(resident, behaviour=behaviour)


def write_people(path: Path, residents: tuple[Resident, ...]) -> None:
    """Write residents with their passes and phones' keys, readable by the owner alone."""
    text = json.dumps(
        {"format": FORMAT, "people": [_as_json(each) for each in residents]}, ensure_ascii=False, indent=1
    )
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text + "\n")


def read_people(path: Path) -> tuple[Resident, ...]:
    """Read residents. Raises SceneRefused when the file can't be used."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["format"] != FORMAT or len(stored["people"]) > PEOPLE_MAX:
            raise ValueError(f"format {stored['format']!r}, expected {FORMAT!r} with at most {PEOPLE_MAX} people")
        return tuple(_from_json(each) for each in stored["people"])
    except OSError as error:
        raise SceneRefused(
            f"{path}: cannot be read ({error.strerror}); start a street first: gatehouse street"
        ) from error
    except (ValueError, KeyError, TypeError, PassError) as error:
        raise SceneRefused(f"{path}: not the people of this version ({error}); start the street again") from error


def _as_json(resident: Resident) -> dict[str, object]:
    holder = resident.wallet.holder
    return {
        "name": resident.name,
        "household": resident.household,
        "pass_id": resident.wallet.pass_id,
        "envelope": base64.b64encode(resident.wallet.envelope).decode(),
        "holder": None if holder is None else base64.b64encode(_der(holder.private)).decode(),
        "carrier": resident.carrier.value,
        "core_c": resident.core_c,
        "outdoors_s": resident.outdoors_s,
        "pace": resident.pace,
        "behaviour": resident.behaviour.value,
    }


def _from_json(stored: dict[str, object]) -> Resident:
    return Resident(
        name=str(stored["name"]),
        household=HouseholdId(int(str(stored["household"]))),
        wallet=Wallet(
            pass_id=PassId(str(stored["pass_id"])),
            envelope=base64.b64decode(str(stored["envelope"])),
            holder=_holder(stored["holder"]),
        ),
        carrier=Carrier(stored["carrier"]),
        core_c=Celsius(float(str(stored["core_c"]))),
        outdoors_s=float(str(stored["outdoors_s"])),
        pace=float(str(stored["pace"])),
        behaviour=Behaviour(stored["behaviour"]),
    )


def _der(private: EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _holder(stored: object) -> SoftwareHolder | None:
    if stored is None:
        return None
    private = load_der_private_key(base64.b64decode(str(stored)), password=None)
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise ValueError("a holder's key that is not on P-256")
    return SoftwareHolder(private=private)

"""How a person is called where only masked names are shown, so that people of one family are told apart."""


def person_label(masked_name: str, masked_id: str | None, phone: str | None) -> str:
    """Surname and star, and the last two characters of the ID number, else of the telephone: 刘* (…12)."""
    mark = (masked_id or phone or "")[-2:]
    return f"{masked_name} (…{mark})" if mark and "*" not in mark else masked_name

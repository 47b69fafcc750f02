"""A settings file becomes typed settings, or a list of everything that is wrong with it."""

from pathlib import Path

import pytest

import config
from config.problems import SettingsError
from config.sections import InputRole
from config.settings import load_settings, load_terminal
from model.passing import Direction
from model.records import VisitStep

PROFILES = sorted((Path(config.__file__).parent / "profiles").glob("*.toml"))
GATE = (Path(config.__file__).parent / "profiles/gate-barrier.toml").read_text()


def write(folder: Path, text: str) -> Path:
    file = folder / "terminal.toml"
    file.write_text(text)
    return file


def problems_of(folder: Path, text: str) -> dict[str, str]:
    file = write(folder, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert {problem.file for problem in caught.value.problems} == {file}
    return {problem.key: f"{problem.message} | {problem.hint}" for problem in caught.value.problems}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_every_profile_loads_with_its_rules(profile: Path) -> None:
    settings, rules = load_terminal(profile)
    assert settings.identity.community == rules.community


def test_a_gate_s_settings_arrive_typed(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, GATE))
    assert settings.identity.direction is Direction.IN
    assert settings.visit.steps == (VisitStep.ASK, VisitStep.MEASURE, VisitStep.SCAN)
    assert settings.visit.step_limit_s.by_step().keys() == set(VisitStep)
    assert settings.barrier is not None
    assert settings.barrier.pin == 17
    assert settings.has_contact(InputRole.DOOR)
    assert not settings.has_contact(InputRole.REX)


def test_paths_start_at_the_file_s_folder(tmp_path: Path) -> None:
    text = GATE.replace('state_dir = "/var/lib/gatehouse/gate-1-in"', 'state_dir = "state"')
    settings = load_settings(write(tmp_path, text))
    assert settings.state_dir == tmp_path / "state"
    assert settings.rules == tmp_path.parent / "communities/default.toml"


def test_every_problem_is_told_at_once_with_file_and_key(tmp_path: Path) -> None:
    text = (
        GATE.replace("gate_number = 1", "gate_number = 64")
        .replace('direction = "in"', 'direction = "inwards"')
        .replace("max_on_time_s = 15.0", "max_on_time = 15.0")
        .replace("green_pin = 23", "green_pin = 17")
        .replace('role = "presence"\npin = 6', 'role = "presence"\npin = 28')
        .replace('role = "tamper"', 'role = "door"')
        .replace("port = 8883", 'port = "8883"')
        .replace('key_list_path = "/etc/gatehouse/keys.cose"\n', "")
        .replace('source = "ntp"', 'source = "gps"')
        .replace("release_time_s = 5.0", "release_time_s = 20.0")
    )
    found = problems_of(tmp_path, text)
    assert found.keys() == {
        "identity.gate_number",
        "identity.direction",
        "barrier.max_on_time",
        "alarm.green_pin",
        "contacts[presence].pin",
        "contacts[door]",
        "bus.port",
        "keys.key_list_path",
        "clock.source",
        "release.release_time_s",
    }
    assert "did you mean max_on_time_s?" in found["barrier.max_on_time"]
    assert "pin 17 is used by barrier.pin already" in found["alarm.green_pin"]
    assert "less than or equal to 27, got 28" in found["contacts[presence].pin"]
    assert "is missing" in found["keys.key_list_path"]


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("[barrier]\n", "[barriers]\n", "barriers", "did you mean barrier?"),
        ("bus = 1", "bus = 1.5", "thermometer.bus", "unix:"),
        ("bus = 1", 'bus = "spi0"', "thermometer.bus", "unix:"),
        ("pin = 5\n", "pin = 2\n", "contacts[door].pin", "belongs to I2C bus 1"),
        ("bus = 1", 'bus = "/dev/i2c-1"\nburst_size = 0', "thermometer.burst_size", "1 to 50"),
        ("/dev/ttyACM0", "/dev/serial0\"\nbaud = 9700\nprefix = \"", "serial_scanner.baud", "as the scanner is set"),
        ('"ask", "measure", "scan"', '"ask", "measure"', "visit.steps", '"scan" is not among them'),
        ('"ask", "measure", "scan"', '"scan", "ask", "scan"', "visit.steps", "stands twice"),
        ('questions = ["fever_or_cough"]\n', "", "visit.questions", "there is no question"),
        ('role = "answer_yes"', 'role = "rex"', "contacts", "answer_yes and answer_no"),
        ('host = "centre.lan"', 'host = ""', "bus.host", "is missing"),
        ('pin_factory = "lgpio"', 'pin_factory = "pigpio"', "gpio.pin_factory", "wire:"),
        ("active_high = true", 'active_high = "no"', "barrier.active_high", "valid boolean"),
        ("held_open_after_s = 15.0", "held_open_after_s = inf", "release.held_open_after_s", "finite"),
        ("held_open_after_s = 15.0", "held_open_after_s = nan", "release.held_open_after_s", "finite"),
        ('community = "xinghuayuan"', 'community = "Xinghua Yuan"', "identity.community", "a-z"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_key(tmp_path: Path, old: str, new: str, key: str, words: str) -> None:
    assert old in GATE
    found = problems_of(tmp_path, GATE.replace(old, new, 1))
    assert words in found[key]


def test_a_header_uart_takes_its_pins(tmp_path: Path) -> None:
    text = GATE.replace("/dev/ttyACM0", "/dev/serial0").replace("pin = 5\n", "pin = 15\n")
    assert "belongs to the serial scanner's port" in problems_of(tmp_path, text)["contacts[door].pin"]


def test_a_lane_without_scanner_or_thermometer_is_refused(tmp_path: Path) -> None:
    text = GATE.replace("[serial_scanner]", "[x]").replace("[camera_scanner]", "[y]").replace("[thermometer]", "[z]")
    assert problems_of(tmp_path, text).keys() == {"x", "y", "z", "serial_scanner", "thermometer"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = ", "is not TOML"),
        (b"a = 1\na = 2", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"#" * 300_000, "larger than"),
        (b"", "is missing"),
    ],
)
def test_a_file_that_is_no_settings_file_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "terminal.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=words):
        load_settings(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: No such file"):
        load_settings(tmp_path / "nowhere.toml")


def test_problems_of_settings_and_rules_are_told_together(tmp_path: Path) -> None:
    rules = (Path(config.__file__).parent / "communities/default.toml").read_text()
    (tmp_path / "rules.toml").write_text(rules.replace("high_from_c = 37.3", "high_from_c = 373"))
    text = GATE.replace("../communities/default.toml", "rules.toml").replace("gate_number = 1", "gate_number = -1")
    with pytest.raises(SettingsError) as caught:
        load_terminal(write(tmp_path, text))
    keys = {(problem.file.name, problem.key) for problem in caught.value.problems}
    assert keys == {("terminal.toml", "identity.gate_number"), ("rules.toml", "temperature.high_from_c")}


def test_settings_that_do_not_fit_their_rules_are_refused(tmp_path: Path) -> None:
    rules = Path(__file__).parent / "rules/strict.toml"
    text = (
        GATE.replace("../communities/default.toml", str(rules))
        .replace('site = "forehead"', 'site = "wrist"\nburst_size = 3')
        .replace("fever_or_cough", "fever_and_cough")
    )
    with pytest.raises(SettingsError) as caught:
        load_terminal(write(tmp_path, text))
    keys = [problem.key for problem in caught.value.problems]
    assert sorted(set(keys)) == [
        "identity.community",
        "thermometer.burst_size",
        "thermometer.site",
        "visit.questions",
    ]


def test_a_lane_that_must_measure_and_does_not_is_refused(tmp_path: Path) -> None:
    rules = Path(config.__file__).parent / "communities/default.toml"
    text = GATE.replace("../communities/default.toml", str(rules)).replace('"ask", "measure", "scan"', '"ask", "scan"')
    with pytest.raises(SettingsError, match='"measure" is missing'):
        load_terminal(write(tmp_path, text))


def test_the_profile_of_a_gate_is_wired_as_the_pin_table_says() -> None:
    settings = load_settings(Path(config.__file__).parent / "profiles/gate-barrier.toml")
    table = (Path(config.__file__).parents[1] / "docs/wiring.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    pins = {row[5]: int(row[1]) for row in rows if len(row) == 6 and row[1].isdecimal()}
    for contact in settings.contacts:
        (pin,) = (pin for words, pin in pins.items() if f"`{contact.role.value}`" in words)
        assert contact.pin == pin, contact.role
    barrier, alarm = settings.barrier, settings.alarm
    assert barrier is not None
    wired = {"`pin`": barrier.pin, "`green_pin`": alarm.green_pin}
    wired |= {"`red_pin`": alarm.red_pin, "`buzzer_pin`": alarm.buzzer_pin}
    for name, wired_pin in wired.items():
        assert wired_pin in [pin for words, pin in pins.items() if name in words], name

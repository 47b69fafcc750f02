"""What a street tells people, in Chinese and English; the chosen language stands first."""

import os
from enum import Enum


class Language(Enum):
    """Language of the words that stand first."""

    ZH = "zh"
    EN = "en"


def language_of(chosen: str | None) -> Language:
    """The chosen language, or that of LC_ALL, LC_MESSAGES, LANG; English when none of them says Chinese."""
    if chosen is not None:
        return Language(chosen)
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return Language.ZH if named.lower().startswith("zh") else Language.EN


def phrase(language: Language, key: str, **values: object) -> str:
    """A phrase with its values filled in."""
    return _PHRASES[key][language].format(**values)


def name_of(language: Language, group: str, value: str) -> str:
    """A word of a closed list: behaviour, answer, scanner. The value itself when it is not in the list."""
    return _NAMES.get((group, value), {}).get(language, value)


def _both(en: str, zh: str) -> dict[Language, str]:
    return {Language.EN: en, Language.ZH: zh}


_PHRASES: dict[str, dict[Language, str]] = {
    "making": _both(
        "Making the street: keys, certificates, 48 households, everybody's passes …",
        "正在建立小区：密钥、证书、48 户居民和通行码……",
    ),
    "too_old": _both(
        "The street of {made:%Y-%m-%d} is out of date; making a new one.",
        "{made:%Y-%m-%d} 建立的小区已过期，重新建立。",
    ),
    "up": _both("The street is up ({took:.1f} s).", "小区已启动（{took:.1f} 秒）。"),
    "centre_at": _both("  Centre      {url}", "  值班中心    {url}"),
    "sign_in": _both(
        "  Sign in     {user} / {password}   (made for this machine alone)",
        "  登录        {user} / {password}   （仅限本机）",
    ),
    "broker_at": _both(
        "  Bus         mqtts://localhost:{port}, a certificate per device",
        "  消息总线    mqtts://localhost:{port}，每台设备一张证书",
    ),
    "panel_at": _both(
        "  Panel       {url}   hold codes and foreheads, pull plugs, open doors",
        "  控制台      {url}   出示通行码、量体温、拔线、开门",
    ),
    "gate_in": _both(
        "  Way in      {gate}: screen {url}   guard {guard_url}",
        "  进口        {gate}：居民屏 {url}   保安 {guard_url}",
    ),
    "gate_out": _both(
        "  Way out     {gate}: screen {url}   guard {guard_url}",
        "  出口        {gate}：居民屏 {url}   保安 {guard_url}",
    ),
    "guards_are": _both(
        "  Guards      PIN: {pins}   (made for this machine alone)",
        "  保安        密码：{pins}   （仅限本机）",
    ),
    "and": _both(", ", "，"),
    "logs_at": _both("  Logs        {folder}", "  日志        {folder}"),
    "look_at": _both(
        "Open the panel in a browser to try it yourself, and the centre to see what it sees. Each line below is a\n"
        "person at a gate. Try `{program} doctor {settings}`. Ctrl-C stops everything.",
        "在浏览器中打开控制台亲自试一试，打开值班中心看实时记录。下面每一行是一位居民。\n"
        "可以试试 `{program} doctor {settings}`。按 Ctrl-C 全部停止。",
    ),
    "stopping": _both("Stopping …", "正在停止……"),
    "stopped": _both("Everything is stopped. Start again with ./run", "已全部停止。再次启动：./run"),
    "visit": _both(
        "{time}  {gate:<11} {name} {what}, {scanner}: {answer}{after}",
        "{time}  {gate:<11} {name} {what}，{scanner}：{answer}{after}",
    ),
    "not_measured": _both(" (the way out does not measure)", "（出门不测温）"),
    "after": _both(" after {seconds:.1f} s", "（{seconds:.1f} 秒）"),
    "port_taken": _both(
        "Port {wanted} is in use; the centre takes {port}.", "端口 {wanted} 已被占用，值班中心改用 {port}。"
    ),
}
_NAMES: dict[tuple[str, str], dict[Language, str]] = {
    ("behaviour", "normal"): _both("walks up", "正常通行"),
    ("behaviour", "fever"): _both("has a fever", "发热"),
    ("behaviour", "cold_forehead"): _both("comes with a frozen forehead", "额头过冷"),
    ("behaviour", "forged_pass"): _both("shows a forged pass", "出示伪造码"),
    ("behaviour", "walks_away"): _both("walks away again", "中途离开"),
    ("behaviour", "second_pass"): _both("shows a second pass", "出示两个码"),
    ("behaviour", "revoked"): _both("shows a revoked pass", "出示已吊销的码"),
    ("behaviour", "expired"): _both("shows an expired pass", "出示过期的码"),
    ("behaviour", "web_address"): _both("shows a shop's QR code", "出示商店二维码"),
    ("behaviour", "screenshot"): _both("shows an old screenshot", "出示旧截图"),
    ("answer", "opened"): _both("barrier opened", "放行"),
    ("answer", "refused"): _both("red lamp", "红灯"),
    ("answer", "alarm"): _both("alarm", "报警"),
    ("answer", "guard_called"): _both("guard called", "呼叫保安"),
    ("answer", "nothing"): _both("no answer", "无应答"),
    ("scanner", "camera"): _both("camera", "摄像头"),
    ("scanner", "serial"): _both("hand scanner", "扫码枪"),
}

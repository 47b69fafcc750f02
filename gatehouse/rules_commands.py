"""`gatehouse rules …`: the community's rules, looked over, told in words, compared, tried on the past, sent out."""

import typer

from gatehouse import rules_check, rules_explain, rules_publish, rules_replay
from gatehouse.outcome import EXIT_CODES_HELP

EXAMPLES = f"""\b
Examples:
  gatehouse rules check config/communities/*.toml
  gatehouse rules explain rules.toml --language zh
  gatehouse rules diff rules.toml new-rules.toml
  gatehouse rules replay --rules new-rules.toml /var/lib/gatehouse/gate-1-in/journal.db
  gatehouse rules publish new-rules.toml --settings /etc/gatehouse/center.toml --by wang
  gatehouse rules list --settings /etc/gatehouse/center.toml

{EXIT_CODES_HELP}"""

app = typer.Typer(help="The community's rules.", epilog=EXAMPLES, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def rules() -> None:
    """The community's rules."""


app.command("check", epilog=rules_check.EXAMPLES)(rules_check.check)
app.command("publish", epilog=rules_publish.EXAMPLES)(rules_publish.publish)
app.command("list", epilog=rules_publish.EXAMPLES)(rules_publish.list_)
app.command("explain", epilog=rules_explain.EXPLAIN_EXAMPLES)(rules_explain.explain)
app.command("diff", epilog=rules_explain.DIFF_EXAMPLES)(rules_explain.diff)
app.command("replay", epilog=rules_replay.EXAMPLES)(rules_replay.replay)

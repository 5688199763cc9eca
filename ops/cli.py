"""The operators' command. A subcommand is one row: its words, its arguments, what it runs."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from . import (
    admin_key,
    analytics,
    audit,
    budgets,
    flags,
    keys,
    models,
    policies,
    replay,
    requests,
    routes,
    secrets,
    simulate,
    tenants,
    usage,
)
from .config import actions as config
from .local import up
from .trouble import Trouble

CUT_OFF = 141  # as a shell tells of whoever was writing when its pipe was closed
INTERRUPTED = 130  # the same of Ctrl-C


class Command(NamedTuple):
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]  # its exit status, where that is not 0


COMMANDS = {
    "up": Command("start the local stack and stay until Ctrl-C", lambda parser: None, up.run),
    "secrets": Command("set a provider's keys, or list which there are", secrets.add_arguments, secrets.run),
    "admin-key": Command("draw a key for the control API", admin_key.add_arguments, admin_key.run),
    "models": Command("compare the models' prices with a public table, and take them over", models.add_arguments, models.run),
    "config": Command(
        "check, publish, compare, bring back and import the document that says how to route", config.add_arguments, config.run
    ),
    "policies": Command("look at policies, and change them one by one", policies.add_arguments, policies.run),
    "flags": Command("look at flags, and switch them", flags.add_arguments, flags.run),
    "tenants": Command("make tenants and their teams, limit them, and shut them out", tenants.add_arguments, tenants.run),
    "keys": Command("mint data keys, say what they may, renew and end them", keys.add_arguments, keys.run),
    "budgets": Command("set what may be spent, raise it for a while, and see what is left", budgets.add_arguments, budgets.run),
    "requests": Command("read what a captured request said, and delete it", requests.add_arguments, requests.run),
    "audit": Command("say who changed what, and who read samples", audit.add_arguments, audit.run),
    "replay": Command("decide recorded traffic again, and say where it comes out otherwise", replay.add_arguments, replay.run),
    "simulate": Command("say what a document would have done with recorded traffic", simulate.add_arguments, simulate.run),
    "routes": Command("say what routes promise, and what a request would meet", routes.add_arguments, routes.run),
    "analytics": Command("say how requests went, by route, policy, provider, target or flag", analytics.add_arguments, analytics.run),
    "usage": Command("report a day's usage, and look after what could not be recorded", usage.add_arguments, usage.run),
    "savings": Command("say what routing has saved, by day, route or policy", analytics.add_savings_arguments, analytics.run_savings),
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="signalbox", description="Operate Signalbox, here or in your AWS account.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        command.add_arguments(subparsers.add_parser(name, help=command.help, description=command.help))
    arguments = parser.parse_args(argv)
    try:
        status = COMMANDS[arguments.command].run(arguments) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read it, as head does, has had enough; what is left is not written at the end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except KeyboardInterrupt:
        print("signalbox: interrupted; what was asked for may have been done", file=sys.stderr)
        return INTERRUPTED
    except Trouble as trouble:
        print(f"signalbox: {trouble}", file=sys.stderr)
        return trouble.status
    except (BotoCoreError, ClientError) as error:
        print(f"signalbox: AWS refused: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

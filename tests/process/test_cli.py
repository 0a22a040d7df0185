"""The command line, as processes of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]


def folioql(*arguments, folder, **settings):
    """Run a command with a database in a folder; return exit code, output, and errors."""
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite:///{folder}/x.db"}
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        env=environment | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def seeded(tmp_path):
    """A folder with a migrated database and the demo user."""
    code = (
        "import asyncio; from gateway.cli import _prepare_demo; "
        "from gateway.settings import load_settings; "
        "asyncio.run(_prepare_demo(load_settings(demo=True)))"
    )
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True)
    return tmp_path


def test_help_lists_the_commands(tmp_path):
    code, output, _ = folioql("--help", folder=tmp_path)
    assert code == 0
    for command in (
        "serve",
        "demo",
        "migrate",
        "schema",
        "import",
        "export",
        "load-bars",
        "verify",
        "doctor",
    ):
        assert f"\n  {command} " in output


def test_price_files_are_loaded_once_and_bad_ones_not_at_all(tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("Date,AAA,BBB\n2024-05-06,10,5\n2024-05-07,11,\n", encoding="utf-8")
    bad.write_text("Date,AAA\n2024-05-06,10\n2024-05-07,ten\n", encoding="utf-8")
    assert folioql("load-bars", str(good), folder=tmp_path)[0] == 1  # not migrated
    folioql("migrate", folder=tmp_path)
    code, _, errors = folioql("load-bars", str(good), str(bad), folder=tmp_path)
    assert (code, "bad.csv line 3" in errors) == (1, True)
    for words in ("3 bars added, 0 changed, 0 known", "0 bars added, 0 changed, 3 known"):
        assert folioql("load-bars", str(good), folder=tmp_path)[:2] == (0, f"2 symbols: {words}.\n")


def test_serving_without_a_secret_is_refused(tmp_path):
    code, _, errors = folioql("serve", folder=tmp_path)
    assert code == 1
    assert "FOLIOQL_SECRET is not set" in errors


@pytest.mark.parametrize("count", ["0", "-1"])
def test_serving_with_no_worker_is_refused(tmp_path, count):
    code, _, errors = folioql("serve", "--workers", count, folder=tmp_path)
    assert code == 2
    assert f"Invalid value for '--workers': {count} is not in the range x>=1." in errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"FOLIOQL_COLOUR": "red"}, "FOLIOQL_COLOUR is not a setting"),
        ({"FOLIOQL_DEMO": "1"}, "FOLIOQL_DEMO is not a setting"),
        ({"PORT": "eighty"}, "FOLIOQL_PORT"),
        ({"PORT": "99999"}, "FOLIOQL_PORT"),
        ({"FOLIOQL_PROVIDERS": "oracle"}, "FOLIOQL_PROVIDERS"),
        ({"FOLIOQL_SECRET": "short"}, "FOLIOQL_SECRET: "),
        ({"DATABASE_URL": "mysql://root:hidden@host/x"}, "FOLIOQL_DATABASE_URL"),
        ({"FOLIOQL_CACHE_URL": "http://root:hidden@host"}, "FOLIOQL_CACHE_URL"),
    ],
)
def test_an_unknown_or_malformed_setting_is_refused_without_its_value(tmp_path, settings, message):
    code, output, errors = folioql("doctor", folder=tmp_path, **settings)
    assert code == 1
    assert message in errors
    assert "hidden" not in output + errors
    assert "Traceback" not in errors


def test_doctor_tells_what_is_missing_and_then_that_all_is_well(tmp_path):
    code, output, _ = folioql("doctor", folder=tmp_path)
    assert code == 1
    assert "FAIL  secret" in output
    assert "FAIL  database (sqlite): at revision None" in output
    folioql("migrate", folder=tmp_path)
    code, output, _ = folioql("doctor", folder=tmp_path, FOLIOQL_SECRET="x" * 32)
    assert (code, output.count("ok  ")) == (0, 5)


def test_the_committed_schema_is_what_the_code_prints(tmp_path):
    code, output, _ = folioql("schema", "check", folder=tmp_path)
    assert (code, output) == (0, "schema.graphql is up to date.\n")
    stale = tmp_path / "stale.graphql"
    stale.write_text("type Query { a: Int }")
    code, _, errors = folioql("schema", "check", str(stale), folder=tmp_path)
    assert code == 1
    assert "is stale" in errors


def test_an_import_reports_each_row_and_a_second_one_knows_them(seeded):
    arguments = ("import", "examples/real-trades.csv", "--portfolio", "Real", "--currency", "EUR")
    prices = {"FOLIOQL_PRICE_FILES": "examples/prices.csv"}
    code, output, _ = folioql(*arguments, "--dry-run", folder=seeded, **prices)
    assert code == 0
    assert output.endswith("15 added, 0 known, 0 refused. Nothing was changed: a dry run.\n")
    code, output, _ = folioql(*arguments, folder=seeded, **prices)
    assert (code, output.splitlines()[0]) == (0, "line 2: added")
    assert output.endswith("15 added, 0 known, 0 refused.\n")
    code, output, _ = folioql(*arguments, folder=seeded, **prices)
    assert output.endswith("0 added, 15 known, 0 refused.\n")
    code, output, _ = folioql("verify", folder=seeded)
    assert (code, output) == (0, "3 portfolios checked, 0 differences.\n")


@pytest.mark.parametrize("written", ["csv", "json"])
def test_an_export_is_imported_into_another_portfolio_and_exported_the_same(seeded, written):
    export = ("export", "--format", written, "--portfolio")
    code, exported, _ = folioql(*export, "Global income", folder=seeded)
    assert code == 0
    file = seeded / f"exported.{written}"
    file.write_text(exported)
    arguments = ("import", str(file), "--currency", "CAD", "--portfolio")
    code, output, _ = folioql(*arguments, "Copy", folder=seeded)
    assert (code, output.splitlines()[-1]) == (0, "12 added, 0 known, 0 refused.")
    assert folioql(*export, "Copy", folder=seeded)[1] == exported
    code, output, _ = folioql(*arguments, "Global income", folder=seeded)
    assert (code, output.splitlines()[-1]) == (0, "0 added, 12 known, 0 refused.")
    assert folioql("verify", folder=seeded)[1] == "3 portfolios checked, 0 differences.\n"


def test_an_export_of_nothing_that_is_there_is_refused(seeded):
    code, output, errors = folioql("export", "--portfolio", "None", folder=seeded)
    assert (code, output) == (1, "")
    assert errors == "Error: demo has no portfolio 'None'.\n"


def test_a_database_that_is_not_migrated_is_told_in_words(tmp_path):
    for command in (("verify",), ("import", "examples/real-trades.csv", "--portfolio", "P")):
        code, _, errors = folioql(*command, folder=tmp_path)
        assert (code, errors) == (
            1,
            "Error: The database is not migrated: run `folioql migrate`.\n",
        )


def test_a_broken_file_changes_nothing_and_says_which_row(seeded):
    broken = seeded / "broken.csv"
    broken.write_text("date,type,price\n2024-01-02,deposit,5\n2024-01-02,deposit,minus\n")
    code, output, _ = folioql("import", str(broken), "--portfolio", "New", folder=seeded)
    assert code == 1
    assert "line 3: refused - price: 'minus' is not a number" in output
    assert output.endswith("0 added, 0 known, 1 refused, 1 held back. Nothing was changed.\n")
    assert folioql("verify", folder=seeded)[1].startswith("2 portfolios checked")


def test_a_killed_import_leaves_all_of_it_or_nothing(seeded):
    rows = "".join(f"2024-01-02,deposit,{number}\n" for number in range(1, 4001))
    file = seeded / "many.csv"
    file.write_text("date,type,price\n" + rows)
    code = (
        "import os, signal, sys\n"
        "import services.batches as imports\n"
        "original = imports.book\n"
        "async def book(*args, **kwargs):\n"
        "    await original(*args, **kwargs)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "imports.book = book\n"
        "from gateway.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite:///{seeded}/x.db"}
    killed = subprocess.run(
        [sys.executable, "-c", code, "import", str(file), "--portfolio", "Many"],
        env=environment,
        cwd=ROOT,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert folioql("verify", folder=seeded)[:2] == (
        0,
        "2 portfolios checked, 0 differences.\n",
    )
    code, output, _ = folioql("import", str(file), "--portfolio", "Many", folder=seeded)
    assert (code, output.splitlines()[-1]) == (0, "4000 added, 0 known, 0 refused.")


def test_verify_names_what_differs_and_rebuilds_it(seeded):
    import sqlite3

    with sqlite3.connect(seeded / "x.db") as connection:
        connection.execute("UPDATE positions SET quantity = '51' WHERE quantity = '50'")
    connection.close()
    code, output, _ = folioql("verify", folder=seeded)
    assert code == 1
    assert "quantity is 51, the ledger says 50" in output
    assert folioql("verify", "--rebuild", folder=seeded)[0] == 0
    assert folioql("verify", folder=seeded)[1] == "2 portfolios checked, 0 differences.\n"


def test_migrate_goes_down_and_up_again(seeded):
    assert folioql("migrate", "--to", "base", folder=seeded)[1].endswith("revision None.\n")
    newest = max(one.name for one in (ROOT / "models/migrations/versions").glob("0*.py"))[:4]
    assert folioql("migrate", folder=seeded)[1].endswith(f"revision {newest}.\n")

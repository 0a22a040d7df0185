"""Code generators and compilers take the schema, and what they make of it has the right types."""

import shutil

import pytest

from tests.clients.conftest import HERE, ROOT

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def project(installed, tmp_path_factory):
    """A front end's project with documents of its own and the schema of today."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(HERE / "generators", folder, dirs_exist_ok=True)
    shutil.copy(ROOT / "schema.graphql", folder)
    (folder / "node_modules").symlink_to(installed / "node_modules")
    (folder / "relay-generated").mkdir()
    return folder


@pytest.fixture(scope="module")
def generated(project, node):
    """What each generator of TypeScript made, as files."""
    compiler = node("node_modules/relay-compiler/cli.js", "relay.config.json", folder=project)
    assert "Compilation completed" in compiler
    node(project / "codegen.mjs", folder=project)
    node("node_modules/gql.tada/bin/cli.js", "generate-output", folder=project)
    return {path.relative_to(project).as_posix() for path in project.rglob("*.ts")}


def test_relay_compiler_makes_a_refetchable_fragment_a_connection_and_a_mutation(generated):
    assert {name for name in generated if name.startswith("relay-generated/")} == {
        f"relay-generated/{name}.graphql.ts"
        for name in (
            "relayPortfolioQuery",
            "relayPortfoliosQuery",
            "relayPricesSubscription",
            "relayRecordMutation",
            "relay_portfolio",
        )
    }


def test_graphql_codegen_makes_its_client_and_the_types_of_the_schema(generated):
    assert {name for name in generated if name.startswith("codegen/")} == {
        "codegen/gql.ts",
        "codegen/graphql.ts",
        "codegen/index.ts",
        "codegen/schema.ts",
    }


def test_gql_tada_makes_its_types(generated):
    assert "tada-schema.d.ts" in generated


def test_all_that_was_generated_compiles_and_says_what_the_schema_says(generated, project, node):
    assert node("node_modules/typescript/bin/tsc", "--project", ".", folder=project) == ""


def test_ariadne_codegen_makes_a_client_that_can_be_imported(project, tool):
    tool("ariadne-codegen", "--config", "ariadne.toml", folder=project)
    use = (
        "import inspect, generated\n"
        "given = inspect.signature(generated.Client.portfolios).parameters\n"
        "print(*given, sep=', ')\n"
        "print(*generated.LotMethod.__members__, sep=', ')\n"
    )
    assert tool("python", "-c", use, folder=project).splitlines() == [
        "self, first, after, kwargs",
        "FIFO, LIFO, HIFO, AVERAGE, SPECIFIC",
    ]

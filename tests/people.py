"""Several people, links and programs at one application."""

from tests.conftest import Api

ERRORS = "userErrors { code message field }"


def another(api, *, token=None):
    """Return another client of the same application, anonymous or with a token."""
    made = Api(api.client, api.services)
    if token is not None:
        made.headers = {"authorization": f"Bearer {token}"}
    return made


async def person(api, name):
    """Return a client for somebody new."""
    made = another(api)
    await made.sign_up(name)
    return made


async def send(api, mutation, given, fields=""):
    """Send a mutation and return its payload."""
    title = mutation[0].upper() + mutation[1:]
    answer = await api.data(
        f"mutation($input: {title}Input!) {{ {mutation}(input: $input) {{ {fields} {ERRORS} }} }}",
        {"input": given},
    )
    return answer[mutation]


def wrong(payload):
    """Return what is wrong by code and field."""
    return [(error["code"], ".".join(error["field"] or ())) for error in payload["userErrors"]]


async def token_of(api, *scopes, name="Program", **terms):
    """Create an API token; return its id and secret."""
    made = await send(
        api,
        "createApiToken",
        {"name": name, "scopes": scopes} | terms,
        "secret apiToken { id }",
    )
    assert made["userErrors"] == []
    return made["apiToken"]["id"], made["secret"]


async def share(api, portfolio_id, username, role="VIEWER"):
    """Share a portfolio; return the share's id."""
    given = {"portfolioId": portfolio_id, "username": username, "role": role}
    made = await send(api, "sharePortfolio", given, "share { id }")
    assert made["userErrors"] == []
    return made["share"]["id"]


async def link(api, portfolio_id, **terms):
    """Create a link; return the share's id and the link's token."""
    given = {"portfolioId": portfolio_id, "name": "For my accountant"} | terms
    made = await send(api, "createPortfolioLink", given, "token share { id }")
    assert made["userErrors"] == []
    return made["share"]["id"], made["token"]


async def refusal(api, query, variables=None):
    """Ask for something that is refused as a whole; return the code and the scope it lacks."""
    answer = await api.ask(query, variables)
    assert not any((answer["data"] or {}).values())
    (error,) = answer["errors"]
    return error["extensions"]["code"], error["extensions"].get("scope")

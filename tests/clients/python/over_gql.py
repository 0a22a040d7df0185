"""gql, the client of Python: over HTTP and a socket; what each case gave, as one JSON object."""

import asyncio
import json
import sys

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

GIVEN = json.load(sys.stdin)
DOCUMENTS = GIVEN["documents"]
URL = f"{GIVEN['address']}/graphql"
SIGNED_IN = {"authorization": f"Bearer {GIVEN['token']}"}


def over_http(headers):
    return Client(transport=HTTPXAsyncTransport(url=URL, headers=headers))


def over_socket():
    address = URL.replace("http", "ws")
    return Client(
        transport=WebsocketsTransport(
            url=address,
            init_payload=SIGNED_IN,
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
        )
    )


async def asked(client, name, variables=None):
    async with client as session:
        try:
            return await session.execute(
                GraphQLRequest(DOCUMENTS[name], variable_values=variables or {})
            )
        except TransportQueryError as error:
            return [one["extensions"]["code"] for one in error.errors]


async def followed():
    request = GraphQLRequest(DOCUMENTS["SUBSCRIPTION"], variable_values=DOCUMENTS["followed"])
    seen = []
    async with over_socket() as session:
        async for event in session.subscribe(request):
            seen.append(event)
            if len(seen) == 2:
                return seen
    return seen


def named(name):
    return {"input": {"name": name, "baseCurrency": "USD"}}


async def main():
    signed_in = over_http(SIGNED_IN)
    cases = {
        "query": asked(signed_in, "QUERY", DOCUMENTS["symbols"]),
        "query over a socket": asked(over_socket(), "QUERY", DOCUMENTS["symbols"]),
        "mutation": asked(signed_in, "MUTATION", named(GIVEN["name"])),
        "refusal": asked(signed_in, "MUTATION", named("")),
        "invalid": asked(signed_in, "INVALID"),
        "anonymous": asked(over_http({}), "VIEWER"),
        "subscription over a socket": followed(),
    }
    results = {}
    for case, running in cases.items():
        try:
            results[case] = {"value": await asyncio.wait_for(running, 20)}
        except Exception as error:  # noqa: BLE001  # told to the test
            results[case] = {"thrown": repr(error)}
    print(json.dumps(results))  # noqa: T201


asyncio.run(main())

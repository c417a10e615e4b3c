"""gql, Python's client: a page of the home timeline over HTTP, then what comes live over a socket."""

from contextlib import aclosing

from gql import Client, GraphQLRequest, gql
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

# docs: client
HOME = gql("{ homeTimeline(first: 1) { edges { node { text } } liveCursor } }")
LIVE = gql("""
    subscription Live($after: String) {
      homeTimelineUpdates(after: $after) {
        ... on TimelineTweetAdded { liveCursor tweet { text } }
        ... on TimelineTweetRemoved { liveCursor tweetId }
        ... on TimelineReset { liveCursor reason }
      }
    }
""")
POST = gql("""
    mutation Post($input: PostTweetInput!) {
      postTweet(input: $input) { tweet { id } userErrors { code message } }
    }
""")


def http_client(url: str, token: str) -> Client:
    """Return a client for queries and mutations."""
    headers = {"authorization": f"Bearer {token}"}
    return Client(transport=HTTPXAsyncTransport(url=f"{url}/graphql", headers=headers))


def live_client(url: str, token: str) -> Client:
    """Return a client for subscriptions."""
    socket_url = f"{url.replace('http', 'ws', 1)}/graphql"
    payload = {"authorization": f"Bearer {token}"}
    protocols = [WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL]
    return Client(transport=WebsocketsTransport(url=socket_url, init_payload=payload, subprotocols=protocols))


# docs: end


async def read_and_follow(url: str, token: str, author_token: str) -> list[str]:
    """Return the text of the newest entry, and that of one which the author posts afterwards."""
    # docs: live
    async with http_client(url, token) as reading, live_client(url, token) as following:
        home = (await reading.execute(HOME))["homeTimeline"]
        said = [home["edges"][0]["node"]["text"]]
        after = {"after": home["liveCursor"]}
        async with aclosing(following.subscribe(GraphQLRequest(LIVE, variable_values=after))) as updates:
            # docs: end
            async with http_client(url, author_token) as writing:
                post = GraphQLRequest(POST, variable_values={"input": {"text": "to Python"}})
                assert not (await writing.execute(post))["postTweet"]["userErrors"]
            # docs: live
            async for update in updates:
                said.append(update["homeTimelineUpdates"]["tweet"]["text"])
                break
    # docs: end
    return said

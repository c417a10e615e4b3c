// An account, its tweets, and whom it follows.
import { useQuery } from "@urql/preact";
import {
  BlockDocument, FollowDocument, FollowersDocument, FollowingDocument, MuteDocument, ProfileDocument, UnblockDocument,
  UnfollowDocument, UnmuteDocument, UserTweetsDocument, type ProfileQuery,
} from "../generated"; // prettier-ignore
import { readable, toggle } from "../state/api";
import { links, type Route } from "../state/router";
import { Card } from "../ui/Card";
import { useRoost } from "../ui/context";
import { More, usePages } from "../ui/pages";
import { Person } from "../ui/Person";
import { Avatar, Empty, Heading, number } from "../ui/small";
import { Tabs } from "../ui/Tabs";

type User = NonNullable<ProfileQuery["user"]>;

export function ProfileView({ handle, list }: Extract<Route, { view: "profile" }>) {
  const [{ data, fetching, error }] = useQuery({
    query: ProfileDocument,
    variables: { handle },
    requestPolicy: "cache-and-network",
  });
  const user = data?.user;
  const lists = (["tweets", "followers", "following"] as const).map((each) => ({
    href: links.profile(handle, each === "tweets" ? "" : each),
    name: `${each[0]!.toUpperCase()}${each.slice(1)}`,
    isHere: each === list,
  }));
  return (
    <>
      <Heading back>{user?.displayName ?? `@${handle}`}</Heading>
      {error && <p role="alert">{readable(error)}</p>}
      {!user && !fetching && !error && <Empty>There is no account @{handle}.</Empty>}
      {user && (
        <>
          <About user={user} />
          <Tabs label="Lists of this account" tabs={lists} />
          {list === "tweets" && <Tweets key={user.viewerHasBlocked ? "blocked" : "open"} handle={handle} />}
          {list === "followers" && <Followers handle={handle} />}
          {list === "following" && <Following handle={handle} />}
        </>
      )}
    </>
  );
}

function About({ user }: { user: User }) {
  const { viewer } = useRoost();
  return (
    <section class="about" aria-label={`About @${user.handle}`}>
      <div class="row">
        <Avatar of={user} large />
        {user.id !== viewer.id && <Relations user={user} />}
      </div>
      <p class="name">
        <bdi>{user.displayName}</bdi>
      </p>
      <p class="handle">
        @{user.handle} {user.followsViewer && <span class="badge">Follows you</span>}
      </p>
      {user.bio && <p class="bio" dir="auto">{user.bio}</p>}
      <p class="counts">
        <b>{number(user.tweetsCount)}</b> tweets <b>{number(user.followersCount)}</b> followers <b>{number(user.followingCount)}</b> following
      </p>
    </section>
  );
}

function Relations({ user: { id, viewerIsFollowing, viewerHasMuted, viewerHasBlocked } }: { user: User }) {
  const { client, home } = useRoost();
  const follow = () => toggle(client, viewerIsFollowing, FollowDocument, UnfollowDocument, { id });
  const mute = () => toggle(client, viewerHasMuted, MuteDocument, UnmuteDocument, { id });
  const block = () => toggle(client, viewerHasBlocked, BlockDocument, UnblockDocument, { id });
  // Another choice of authors is another timeline, the part of it that was loaded already as well.
  const andReload = (change: () => Promise<unknown>) => async () => void ((await change()) && (await home.load()));
  return (
    <div class="relations">
      <button type="button" onClick={andReload(mute)} aria-pressed={viewerHasMuted}>
        {viewerHasMuted ? "Unmute" : "Mute"}
      </button>
      <button type="button" onClick={andReload(block)} aria-pressed={viewerHasBlocked}>
        {viewerHasBlocked ? "Unblock" : "Block"}
      </button>
      {!viewerHasBlocked && (
        <button type="button" class={viewerIsFollowing ? "" : "main"} onClick={andReload(follow)} aria-pressed={viewerIsFollowing}>
          {viewerIsFollowing ? "Following" : "Follow"}
        </button>
      )}
    </div>
  );
}

function Tweets({ handle }: { handle: string }) {
  const pages = usePages(UserTweetsDocument, { handle }, ({ user }) => user?.tweets);
  return (
    <>
      {pages.nodes.map(({ id }) => (
        <Card key={id} id={id} />
      ))}
      {!pages.nodes.length && !pages.hasMore && <Empty>No tweets that you can see.</Empty>}
      <More {...pages} />
    </>
  );
}

function Followers({ handle }: { handle: string }) {
  const pages = usePages(FollowersDocument, { handle }, ({ user }) => user?.followers);
  return (
    <>
      {pages.nodes.map((user) => (
        <Person key={user.id} user={user} />
      ))}
      <More {...pages} />
    </>
  );
}

function Following({ handle }: { handle: string }) {
  const pages = usePages(FollowingDocument, { handle }, ({ user }) => user?.following);
  return (
    <>
      {pages.nodes.map((user) => (
        <Person key={user.id} user={user} />
      ))}
      <More {...pages} />
    </>
  );
}

// Who did what that concerns the viewer.
import { useEffect, useState } from "preact/hooks";
import { MarkReadDocument, NotificationsDocument, type NoticeFragment, type NotificationKind } from "../generated";
import { act } from "../state/api";
import { links } from "../state/router";
import { useStore } from "../state/store";
import { useRoost } from "../ui/context";
import { Icon, type IconName } from "../ui/icons";
import { More, usePages } from "../ui/pages";
import { Avatar, Empty, Heading, Time } from "../ui/small";

const ACTS: Record<NotificationKind, readonly [IconName, string]> = {
  MENTION: ["person", "mentioned you"],
  REPLY: ["reply", "answered you"],
  QUOTE: ["quote", "quoted you"],
  LIKE: ["heart", "liked your tweet"],
  RETWEET: ["retweet", "retweeted you"],
  FOLLOW: ["person", "followed you"],
};

export function NotificationsView() {
  const { client, unread } = useRoost();
  const count = useStore(unread.count);
  const changes = useStore(unread.changes);
  const [place, setPlace] = useState("");
  const pages = usePages(NotificationsDocument, {}, ({ notifications }) => {
    setPlace(notifications.liveCursor);
    return notifications;
  });
  useEffect(() => {
    if (changes) pages.reload();
  }, [changes]);
  async function markRead() {
    if (!(await act(client, MarkReadDocument, { upTo: place }))) return;
    await unread.refresh();
    pages.reload();
  }
  return (
    <>
      <Heading>Notifications</Heading>
      <div class="bar">
        <span role="status">{count ? `${count} unread` : "All read"}</span>
        <button type="button" id="mark-read" disabled={!count || !place} onClick={markRead}>
          Mark all as read
        </button>
      </div>
      {pages.nodes.map((notice) => (
        <Notice key={notice.id} notice={notice} />
      ))}
      {!pages.nodes.length && !pages.hasMore && <Empty>Nothing yet.</Empty>}
      <More {...pages} />
    </>
  );
}

function Notice({ notice: { kind, actor, actorsCount, tweet, createdAt, isRead } }: { notice: NoticeFragment }) {
  const [icon, did] = ACTS[kind];
  const others = actorsCount - 1;
  return (
    <a class={isRead ? "notice" : "notice unread"} href={tweet ? links.tweet(tweet.id) : links.profile(actor?.handle ?? "")}>
      <span class={`sign sign-${icon}`}>
        <Icon name={icon} />
      </span>
      <span class="body">
        <span class="who">
          <Avatar of={actor} />
          <Time at={createdAt} />
        </span>
        <span>
          <bdi class="name">{actor?.displayName ?? "Somebody"}</bdi>
          {others > 0 && ` and ${others} ${others === 1 ? "other" : "others"}`} {did}
          {!isRead && <span class="unseen"> (unread)</span>}
        </span>
        {tweet && <span class="text" dir="auto">{tweet.text}</span>}
      </span>
    </a>
  );
}

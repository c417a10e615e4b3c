// The one dialog of the page: writing, asking why a tweet is here, deleting. The browser's own, so that Escape closes it,
// the focus stays within, and goes back to where it was.
import { useQuery } from "@urql/preact";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { DeleteTweetDocument, WhyDocument, type CardFragment, type ExplainReason, type WhyQuery } from "../generated";
import { act } from "../state/api";
import { say } from "../state/toasts";
import { useStore } from "../state/store";
import { Composer } from "./Composer";
import { asked, deleted, useRoost, type Asked } from "./context";
import { Icon } from "./icons";
import { Quote } from "./Card";

const TITLES = { post: "New tweet", reply: "Reply", quote: "Quote", why: "Why is this here?", delete: "Delete this tweet?" };
const close = () => asked.set(null);

const REASONS: Record<ExplainReason, string> = {
  OWN_TWEET: "You wrote it.",
  FOLLOWED_AUTHOR: "You follow its author.",
  RETWEETED_BY_FOLLOWED: "Somebody you follow retweeted it.",
  NOT_FOLLOWED: "It is not in your timeline: you do not follow its author.",
  AUTHOR_MUTED: "It is not in your timeline: you have muted its author.",
  BLOCKED: "It is not in your timeline: one of you has blocked the other.",
  REPLY_TO_NOT_FOLLOWED: "It is not in your timeline: it answers somebody you do not follow.",
  DELETED: "It is not in your timeline: it was deleted.",
  NOT_YET: "It is not in your timeline yet, but on its way.",
};

export function Dialogs() {
  const now = useStore(asked);
  return now && <Open key={now.kind} now={now} />;
}

function Open({ now }: { now: Asked }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    return () => opener?.focus();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <div class="sheet">
        <header>
          <h2 id="dialog-title">{TITLES[now.kind]}</h2>
          <button type="button" class="quiet" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        <Content now={now} />
      </div>
    </dialog>
  );
}

function Content({ now }: { now: Asked }): ComponentChildren {
  switch (now.kind) {
    case "post":
      return <Composer isFocused onPosted={close} />;
    case "reply":
      return (
        <>
          <Quote quoted={now.tweet} />
          <Composer isFocused replyTo={now.tweet} onPosted={close} />
        </>
      );
    case "quote":
      return (
        <>
          <Composer isFocused quoting={now.tweet} onPosted={close} />
          <Quote quoted={now.tweet} />
        </>
      );
    case "why":
      return <Why tweet={now.tweet} />;
    case "delete":
      return <Delete tweet={now.tweet} />;
  }
}

function Why({ tweet }: { tweet: CardFragment }) {
  const [{ data, fetching, error }] = useQuery({
    query: WhyDocument,
    variables: { tweetId: tweet.id },
    requestPolicy: "network-only",
  });
  const found = data?.explainTimeline;
  if (error) return <p role="alert">The server does not answer.</p>;
  return (
    <div class="why" role="status" aria-busy={fetching}>
      {found ? <Explained found={found} /> : <p>{fetching ? "Asking …" : "There is no such tweet any longer."}</p>}
    </div>
  );
}

function Explained({ found }: { found: NonNullable<WhyQuery["explainTimeline"]> }) {
  const isPushed = found.delivery === "PUSHED";
  return (
    <>
      <p class="reason">{REASONS[found.reason]}</p>
      <dl>
        <dt>Delivery</dt>
        <dd>{isPushed ? "Pushed: put into every follower's list when it was posted." : "Pulled: its author has so many followers that it is fetched when you read."}</dd>
        {typeof found.fanOutLagMs === "number" && (
          <>
            <dt>On its way</dt>
            <dd>{found.fanOutLagMs.toLocaleString("en")} ms from the log to every follower's list</dd>
          </>
        )}
      </dl>
    </>
  );
}

function Delete({ tweet }: { tweet: CardFragment }) {
  const { client } = useRoost();
  async function erase() {
    close();
    if (!(await act(client, DeleteTweetDocument, { id: tweet.id }))) return;
    deleted.set(new Set([...deleted.get(), tweet.id]));
    say("Your tweet is deleted.");
  }
  return (
    <div class="confirm">
      <Quote quoted={tweet} />
      <p>It goes from every timeline, and cannot be brought back.</p>
      <div class="foot">
        <button type="button" onClick={close}>
          Keep it
        </button>
        <button type="button" class="main danger" onClick={erase}>
          Delete
        </button>
      </div>
    </div>
  );
}

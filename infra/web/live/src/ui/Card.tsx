// One tweet, with all that can be done to it.
import { useQuery } from "@urql/preact";
import { useId } from "preact/hooks";
import {
  LikeDocument, RetweetDocument, TweetDocument, UndoRetweetDocument, UnlikeDocument, type CardFragment, type QuotedFragment,
} from "../generated"; // prettier-ignore
import { toggle } from "../state/api";
import { go, links } from "../state/router";
import { useStore } from "../state/store";
import { asked, deleted, useRoost } from "./context";
import { Icon, type IconName } from "./icons";
import { RichText } from "./RichText";
import { Avatar, number, Time, wholeTime } from "./small";

interface CardProps {
  readonly id: string;
  readonly retweetedBy?: { handle: string; displayName: string } | null;
  /** Whether the conversation is about this one: shown large. */
  readonly isFocus?: boolean;
}

/** The tweet as the cache has it now; it follows every change there. */
export function Card({ id, retweetedBy = null, isFocus = false }: CardProps) {
  const [{ data, fetching }] = useQuery({ query: TweetDocument, variables: { id } });
  const isDeleted = useStore(deleted).has(id);
  const tweet = data?.tweet;
  if (isDeleted) return isFocus ? <p class="gone">This tweet was deleted.</p> : null;
  if (!tweet) return fetching ? null : <p class="gone">This tweet cannot be seen.</p>;
  return <TweetCard tweet={tweet} retweetedBy={retweetedBy} isFocus={isFocus} />;
}

function TweetCard({ tweet, retweetedBy, isFocus }: { tweet: CardFragment; retweetedBy: CardProps["retweetedBy"]; isFocus: boolean }) {
  const { author } = tweet;
  const name = useId();
  const open = (event: MouseEvent) => {
    const isOther = (event.target as Element).closest("a, button, img, video") || String(getSelection());
    if (!isFocus && !isOther) go(links.tweet(tweet.id));
  };
  return (
    <article class={isFocus ? "card focus" : "card"} aria-labelledby={name} data-tweet={tweet.id} tabIndex={-1} onClick={open}>
      {retweetedBy && (
        <p class="retweeted">
          <Icon name="retweet" /> Retweeted by <a href={links.profile(retweetedBy.handle)}>{retweetedBy.displayName}</a>
        </p>
      )}
      <a class="face" href={links.profile(author?.handle ?? "")} tabIndex={-1} aria-hidden="true">
        <Avatar of={author} />
      </a>
      <div class="body">
        <p class="by" id={name}>
          <a class="name" href={links.profile(author?.handle ?? "")}>
            <bdi>{author?.displayName}</bdi> <span class="handle">@{author?.handle}</span>
          </a>
          {!isFocus && (
            <a class="when" href={links.tweet(tweet.id)}>
              <Time at={tweet.createdAt} />
            </a>
          )}
        </p>
        {!isFocus && <Answers tweet={tweet} />}
        <p class="text" dir="auto" lang={tweet.lang ?? undefined}>
          <RichText text={tweet.text} entities={tweet.entities} />
        </p>
        <Pictures tweet={tweet} />
        {tweet.quotedTweet && <Quote quoted={tweet.quotedTweet} />}
        {isFocus && <p class="whole-time">{wholeTime(tweet.createdAt)} · {number(tweet.quoteCount)} quotes</p>}
        <Acts tweet={tweet} />
      </div>
    </article>
  );
}

function Answers({ tweet }: { tweet: CardFragment }) {
  if (tweet.inReplyToIsGone) return <p class="answers">Answers a tweet that is gone</p>;
  const to = tweet.inReplyTo;
  if (!to) return null;
  return <p class="answers">Answers <a href={links.tweet(to.id)}>@{to.author?.handle ?? "someone"}</a></p>; // prettier-ignore
}

function Pictures({ tweet: { media } }: { tweet: CardFragment }) {
  if (!media.length) return null;
  return (
    <div class={`media media-${media.length}`}>
      {media.map(({ id, kind, url, width, height, altText }) =>
        kind.toUpperCase() === "VIDEO" ? (
          <video key={id} src={url} controls preload="metadata" aria-label={altText ?? "Film"} />
        ) : (
          <img key={id} src={url} alt={altText ?? ""} width={width ?? undefined} height={height ?? undefined} loading="lazy" />
        ),
      )}
    </div>
  );
}

export function Quote({ quoted }: { quoted: QuotedFragment }) {
  return (
    <a class="quote" href={links.tweet(quoted.id)}>
      <span class="by">
        <bdi class="name">{quoted.author?.displayName}</bdi> <span class="handle">@{quoted.author?.handle}</span>
      </span>
      <span class="text" dir="auto">{quoted.text}</span>
    </a>
  );
}

function Acts({ tweet }: { tweet: CardFragment }) {
  const { client, viewer } = useRoost();
  const { id } = tweet;
  const like = () => toggle(client, tweet.viewerHasLiked, LikeDocument, UnlikeDocument, { id });
  const retweet = () => toggle(client, tweet.viewerHasRetweeted, RetweetDocument, UndoRetweetDocument, { id });
  return (
    <div class="acts" role="group" aria-label="What to do with this tweet">
      <Act icon="reply" name="Reply" count={tweet.replyCount} onClick={() => asked.set({ kind: "reply", tweet })} />
      <Act icon="retweet" name="Retweet" count={tweet.retweetCount} isOn={tweet.viewerHasRetweeted} onClick={retweet} />
      <Act icon="heart" name="Like" count={tweet.likeCount} isOn={tweet.viewerHasLiked} onClick={like} />
      <Act icon="quote" name="Quote" onClick={() => asked.set({ kind: "quote", tweet })} />
      <Act icon="why" name="Why is this here?" onClick={() => asked.set({ kind: "why", tweet })} />
      {tweet.author?.id === viewer.id && <Act icon="bin" name="Delete" onClick={() => asked.set({ kind: "delete", tweet })} />}
    </div>
  );
}

interface ActProps {
  readonly icon: IconName;
  readonly name: string;
  readonly count?: number;
  readonly isOn?: boolean;
  readonly onClick: () => void;
}

function Act({ icon, name, count, isOn, onClick }: ActProps) {
  const label = count === undefined ? name : `${name}, ${count}`;
  return (
    <button type="button" class={`act act-${icon}`} aria-label={label} title={name} aria-pressed={isOn} onClick={onClick}>
      <Icon name={icon} />
      {count ? <span>{number(count)}</span> : null}
    </button>
  );
}

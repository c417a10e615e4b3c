// Writing a tweet, with what is left of its length by twitter-text's rules.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import parseTweet from "twitter-text/dist/esm/parseTweet";
import { PostTweetDocument, type CardFragment } from "../generated";
import { act } from "../state/api";
import { say } from "../state/toasts";
import { discard, enclose, MOST, upload, type Enclosure } from "../state/uploads";
import { replied, useRoost } from "./context";
import { Enclose, Enclosures } from "./Enclosures";
import { Avatar } from "./small";

const LONGEST = 280;
const NEARLY = 20; // left; from here on the number is said as well as drawn

interface ComposerProps {
  readonly replyTo?: CardFragment | undefined;
  readonly quoting?: CardFragment | undefined;
  readonly isFocused?: boolean;
  readonly onPosted?: () => void;
}

export function Composer({ replyTo, quoting, isFocused = false, onPosted }: ComposerProps) {
  const { client, viewer } = useRoost();
  const [text, setText] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [enclosures, setEnclosures] = useState<readonly Enclosure[]>([]);
  // The same key until it has worked: a tweet that was sent twice, since no answer came, is posted once.
  const key = useRef(freshKey());
  const field = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const { weightedLength, valid } = parseTweet(text.normalize("NFC"));
  const left = LONGEST - weightedLength;
  const canPost = (valid || (!text.trim() && enclosures.length > 0)) && !isBusy;
  useEffect(() => {
    if (isFocused) field.current?.focus();
  }, [isFocused]);

  async function post(event: Event) {
    event.preventDefault();
    if (!canPost) return;
    setBusy(true);
    const mediaIds = await upload(client, enclosures);
    if (!mediaIds) return setBusy(false);
    const input = { text, mediaIds, inReplyToId: replyTo?.id, quotedTweetId: quoting?.id, idempotencyKey: key.current };
    const data = await act(client, PostTweetDocument, { input });
    setBusy(false);
    const tweet = data?.postTweet.tweet;
    if (!tweet) return field.current?.focus();
    key.current = freshKey();
    setText("");
    enclosures.forEach(discard);
    setEnclosures([]);
    if (replyTo) replied.set({ to: replyTo.id, id: tweet.id });
    say(replyTo ? "Your reply is posted." : "Your tweet is posted.");
    onPosted?.();
  }

  function change(now: readonly Enclosure[]) {
    setEnclosures(now);
    key.current = freshKey();
  }

  const label = replyTo ? `Reply to @${replyTo.author?.handle ?? "someone"}` : quoting ? "Say something about it" : "What is happening?";
  return (
    <form class="composer" aria-label={label} onSubmit={post}>
      <Avatar of={viewer} />
      <div class="body">
        <div class="grow" data-text={`${text} `}>
          <textarea
            ref={field}
            rows={1}
            dir="auto"
            aria-label={label}
            aria-describedby={id}
            placeholder={label}
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
              key.current = freshKey();
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void post(event);
            }}
          />
        </div>
        <Enclosures
          enclosures={enclosures}
          isBusy={isBusy}
          onRemove={(gone) => {
            discard(gone);
            change(enclosures.filter((each) => each !== gone));
          }}
        />
        <div class="foot">
          <Enclose
            room={MOST - enclosures.length}
            isBusy={isBusy}
            onChosen={(files) => change([...enclosures, ...files.map(enclose)])}
          />
          <span id={id} class={left < 0 ? "left over" : left <= NEARLY ? "left near" : "left"} data-left={left}>
            <Ring part={weightedLength / LONGEST} /> {left}<span class="unseen"> characters left</span>
          </span>
          <button type="submit" class="main" disabled={!canPost}>
            {replyTo ? "Reply" : "Post"}
          </button>
        </div>
      </div>
    </form>
  );
}

function Ring({ part }: { part: number }) {
  return (
    <svg class="ring" viewBox="0 0 20 20" aria-hidden="true">
      <circle cx="10" cy="10" r="8" />
      <circle class="filled" cx="10" cy="10" r="8" pathLength="100" stroke-dasharray={`${Math.min(1, part) * 100} 100`} />
    </svg>
  );
}

function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (each) => each.toString(36)).join("");
}

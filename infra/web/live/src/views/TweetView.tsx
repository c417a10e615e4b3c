// A conversation: what a tweet answers, upwards; the tweet; its replies.
import { useQuery, useSubscription } from "@urql/preact";
import { useEffect, useState } from "preact/hooks";
import { CountsDocument, RepliesDocument, TweetDocument } from "../generated";
import { useStore } from "../state/store";
import { Card } from "../ui/Card";
import { Composer } from "../ui/Composer";
import { replied } from "../ui/context";
import { More, usePages } from "../ui/pages";
import { Heading } from "../ui/small";

const CHAIN_MAX = 8; // tweets upwards at first; the next are a link away

export function TweetView({ id }: { id: string }) {
  const [{ data }] = useQuery({ query: TweetDocument, variables: { id }, requestPolicy: "cache-and-network" });
  useSubscription({ query: CountsDocument, variables: { id } });
  const replies = usePages(RepliesDocument, { id }, ({ tweet }) => tweet?.replies);
  const own = useOwnReplies(id);
  const tweet = data?.tweet;
  const listed = replies.nodes.map((node) => node.id);
  return (
    <>
      <Heading back>Conversation</Heading>
      {tweet?.inReplyTo && <Above id={tweet.inReplyTo.id} left={CHAIN_MAX} />}
      {tweet?.inReplyToIsGone && <p class="gone">The tweet that this answers is gone.</p>}
      <Card id={id} isFocus />
      {tweet && <Composer key={id} replyTo={tweet} />}
      <section aria-label="Replies">
        {[...listed, ...own.filter((each) => !listed.includes(each))].map((each) => (
          <Card key={each} id={each} />
        ))}
        <More {...replies} />
      </section>
    </>
  );
}

/** What a tweet answers, and what that answers: each asks for the one above itself. */
function Above({ id, left }: { id: string; left: number }) {
  const [{ data }] = useQuery({ query: TweetDocument, variables: { id } });
  const tweet = data?.tweet;
  return (
    <div class="above">
      {tweet?.inReplyTo && left > 1 && <Above id={tweet.inReplyTo.id} left={left - 1} />}
      {tweet?.inReplyToIsGone && <p class="gone">The tweet that this answers is gone.</p>}
      <Card id={id} />
    </div>
  );
}

/** Replies written here since the conversation was opened, which no page holds yet. */
function useOwnReplies(id: string): readonly string[] {
  const last = useStore(replied);
  const [own, setOwn] = useState<readonly string[]>([]);
  useEffect(() => {
    if (last?.to === id) setOwn((before) => (before.includes(last.id) ? before : [...before, last.id]));
  }, [last, id]);
  return own;
}

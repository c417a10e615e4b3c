// The home timeline.
import { useEffect } from "preact/hooks";
import { useStore } from "../state/store";
import { Card } from "../ui/Card";
import { Composer } from "../ui/Composer";
import { useRoost } from "../ui/context";
import { More } from "../ui/pages";
import { Empty, Heading } from "../ui/small";

let place = 0; // how far down the timeline was when it was left

export function HomeView() {
  const { home } = useRoost();
  const { entries, waiting, hasMore, isLoading, problem } = useStore(home.state);
  useEffect(() => {
    window.scrollTo(0, place);
    return () => void (place = window.scrollY);
  }, []);
  const show = () => {
    home.showWaiting();
    window.scrollTo({ top: 0 });
  };
  return (
    <>
      <Heading>Home</Heading>
      <Composer />
      <div class="arrivals" role="status">
        {waiting.length > 0 && (
          <button type="button" id="new" onClick={show}>
            {waiting.length} new
          </button>
        )}
      </div>
      {entries.map(({ cursor, tweetId, retweetedBy }) => (
        <Card key={cursor} id={tweetId} retweetedBy={retweetedBy} />
      ))}
      {!entries.length && !hasMore && <Empty>Nothing here yet. Search for people, and follow some.</Empty>}
      <More hasMore={hasMore} isLoading={isLoading} problem={problem} more={home.more} />
      {entries.length > 0 && !hasMore && <Empty>That is all there is.</Empty>}
    </>
  );
}

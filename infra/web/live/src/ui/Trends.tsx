// What is talked about far more than usual, as it is now; it moves by itself. Nothing shows where the server has none.
import { links } from "../state/router";
import { useStore } from "../state/store";
import { useRoost } from "./context";
import { number } from "./small";

export function Trends() {
  const shown = useStore(useRoost().trends.shown);
  if (!shown) return null;
  return (
    <section class="trends panel" aria-label="Trends">
      <h2>Trends</h2>
      {!shown.length && <p>Nothing stands out in this hour.</p>}
      <ol>
        {shown.map(({ name, tweetCount }) => (
          <li key={name}>
            <a href={links.search(name)} dir="auto">
              {name}
            </a>{" "}
            <span>{number(tweetCount)} tweets</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

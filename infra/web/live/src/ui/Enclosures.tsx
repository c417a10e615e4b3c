// What goes along with a tweet that is being written: each with a preview, and words for those who do not see it.
import { KINDS, MOST, type Enclosure } from "../state/uploads";
import { Icon } from "./icons";

interface EnclosuresProps {
  readonly enclosures: readonly Enclosure[];
  readonly isBusy: boolean;
  readonly onRemove: (enclosure: Enclosure) => void;
}

export function Enclosures({ enclosures, isBusy, onRemove }: EnclosuresProps) {
  if (!enclosures.length) return null;
  return (
    <ul class="enclosures">
      {enclosures.map((enclosure) => (
        <li key={enclosure.preview}>
          {enclosure.file.type.startsWith("video/") ? <video src={enclosure.preview} muted /> : <img src={enclosure.preview} alt="" />}
          <input
            aria-label={`What ${enclosure.file.name} shows`}
            placeholder="What it shows, for those who do not see it"
            maxLength={1000}
            disabled={isBusy || enclosure.mediumId !== undefined}
            onInput={(event) => {
              enclosure.altText = event.currentTarget.value;
            }}
          />
          <button type="button" class="quiet" disabled={isBusy} aria-label={`Remove ${enclosure.file.name}`} onClick={() => onRemove(enclosure)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The button that asks for files; it is a label, so that the browser's own field does the work. */
export function Enclose({ room, isBusy, onChosen }: { room: number; isBusy: boolean; onChosen: (files: File[]) => void }) {
  return (
    <label class="enclose" title="Pictures or films">
      <Icon name="picture" />
      <span class="unseen">Add pictures or films, up to {MOST}</span>
      <input
        class="unseen"
        type="file"
        multiple
        accept={KINDS.join()}
        disabled={isBusy || room <= 0}
        onChange={(event) => {
          onChosen([...(event.currentTarget.files ?? [])].slice(0, room));
          event.currentTarget.value = "";
        }}
      />
    </label>
  );
}

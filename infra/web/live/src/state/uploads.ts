// Sending pictures and films: the bytes go to a signed address of their own, never through GraphQL.
import type { Client } from "@urql/core";
import { BeginUploadDocument, CompleteUploadDocument } from "../generated";
import { act } from "./api";
import { say } from "./toasts";

export const KINDS = ["image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4"];
export const MOST = 4; // of one tweet

/** What somebody wants to post with a tweet; `mediumId` stands once the server has it. */
export interface Enclosure {
  readonly file: File;
  readonly preview: string;
  altText: string;
  mediumId?: string;
}

export function enclose(file: File): Enclosure {
  return { file, preview: URL.createObjectURL(file), altText: "" };
}

export function discard(enclosure: Enclosure): void {
  URL.revokeObjectURL(enclosure.preview);
}

/** Send those that are not there yet. Returns the media's ids; null once one failed, of which the person was told. */
export async function upload(client: Client, enclosures: readonly Enclosure[]): Promise<string[] | null> {
  const ids: string[] = [];
  for (const enclosure of enclosures) {
    enclosure.mediumId ??= (await sent(client, enclosure)) ?? undefined;
    if (!enclosure.mediumId) return null;
    ids.push(enclosure.mediumId);
  }
  return ids;
}

async function sent(client: Client, { file, altText }: Enclosure): Promise<string | null> {
  const input = { contentType: file.type, byteSize: file.size, altText: altText.trim() || null };
  const begun = (await act(client, BeginUploadDocument, { input }))?.createMediaUpload;
  if (!begun?.mediaId || !begun.uploadUrl) return null;
  const headers = Object.fromEntries(begun.headers.map(({ name, value }) => [name, value]));
  const answer = await fetch(begun.uploadUrl, { method: begun.method ?? "PUT", headers, body: file }).catch(() => null);
  if (!answer?.ok) {
    say(`${file.name} could not be sent. Nothing was posted; try again in a moment.`, "problem");
    return null;
  }
  const completed = await act(client, CompleteUploadDocument, { mediaId: begun.mediaId });
  return completed?.completeMediaUpload.media?.id ?? null;
}

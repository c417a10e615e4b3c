// One account in a list.
import { links } from "../state/router";
import { Avatar } from "./small";

interface PersonProps {
  readonly user: { handle: string; displayName: string; avatarUrl?: string | null; bio: string };
}

export function Person({ user }: PersonProps) {
  return (
    <a class="person" href={links.profile(user.handle)}>
      <Avatar of={user} />
      <span class="body">
        <bdi class="name">{user.displayName}</bdi> <span class="handle">@{user.handle}</span>
        {user.bio && <span class="bio" dir="auto">{user.bio}</span>}
      </span>
    </a>
  );
}

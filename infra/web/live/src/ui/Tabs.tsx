// Links between the lists of one view.

export function Tabs({ label, tabs }: { label: string; tabs: readonly { href: string; name: string; isHere: boolean }[] }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(({ href, name, isHere }) => (
        <a key={href} href={href} aria-current={isHere ? "page" : undefined}>
          {name}
        </a>
      ))}
    </nav>
  );
}

// Icons as elements, drawn with one line in the text's own colour; whoever uses one gives it a name in words.
const PATHS = {
  home: "M3 10.5 12 3l9 7.5V20a1 1 0 0 1-1 1h-5v-6H9v6H4a1 1 0 0 1-1-1z",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zm5-2 5 5",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zm4 5h4",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-8 9c.6-4 3.600-6 8-6s7.400 2 8 6",
  pen: "M4 20l1-5L16 4l4 4L9 19z",
  reply: "M21 12a8 8 0 0 1-8 8H4l2.500-3A8 8 0 1 1 21 12z",
  retweet: "M4 9l3-4 3 4M7 5v11a2 2 0 0 0 2 2h4M20 15l-3 4-3-4M17 19V8a2 2 0 0 0-2-2h-4",
  quote: "M5 17V7h6v6l-3 4m6 0V7h6v6l-3 4",
  heart: "M12 20S3.500 15 3.500 8.800A4.600 4.600 0 0 1 12 6.300a4.600 4.600 0 0 1 8.500 2.500C20.500 15 12 20 12 20z",
  why: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.500 9.500a2.500 2.500 0 1 1 3.500 2.300c-.7.400-1 .8-1 1.700M12 17v.01",
  bin: "M4 7h16M9 7V4h6v3m-8 0 1 13h8l1-13",
  moon: "M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10z",
  leave: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9v.01",
  close: "M6 6l12 12M18 6 6 18",
  back: "M19 12H5m6-6-6 6 6 6",
};

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" />
      <path class="branch" d="M5 24h22" />
      <path class="bird" d="M9 20c0-6 4-10 9-10 2 0 3 1 4 2l3 1-3 2c0 5-4 8-8 8-3 0-5-1-5-3z" />
    </svg>
  );
}

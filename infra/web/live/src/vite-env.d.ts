declare module "*.css";
declare module "twitter-text/dist/esm/parseTweet" {
  /** How long a text is by twitter-text's rules: of 280, in which wide signs count twice and a URL counts 23. */
  export default function parseTweet(text: string): { weightedLength: number; permillage: number; valid: boolean };
}

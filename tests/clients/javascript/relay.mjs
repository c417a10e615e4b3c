/** Turns Relay's graphql tags into the artifacts that its compiler wrote, as a bundler's plugin would. */
import { writeFileSync } from "node:fs";
import { transformFileSync } from "@babel/core";

writeFileSync("src/relay.js", transformFileSync("src/relay.tsx").code);

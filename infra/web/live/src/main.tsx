import { render } from "preact";
import { App } from "./App";
import { showTheme } from "./ui/theme";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/tweets.css";
import "./styles/views.css";

showTheme();
const root = document.getElementById("root")!;
root.textContent = "";
render(<App />, root);

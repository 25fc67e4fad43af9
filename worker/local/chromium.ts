import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/snap/bin/chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

const HOW =
  "The browser test needs a Chromium. Install one (Debian and Ubuntu: apt-get install chromium; macOS: brew install --cask chromium) " +
  "or name the one you have: CHROME_PATH=/path/to/chrome npm test";

/** The browser of the browser test: the one that is there or, on Debian as root, the one that can be installed. */
export function findChromium(): string {
  const named = process.env.CHROME_PATH;
  if (named) {
    if (existsSync(named)) return named;
    throw new Error(`CHROME_PATH names ${named}, which does not exist. ${HOW}`);
  }
  const there = PLACES.find((path) => existsSync(path));
  if (there) return there;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    console.log("Installing Chromium for the browser test (apt-get install chromium) ...");
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    spawnSync("apt-get", ["update", "-qq"], { env, stdio: "ignore" });
    spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], {
      env,
      stdio: "ignore",
    });
    const installed = PLACES.find((path) => existsSync(path));
    if (installed) return installed;
  }
  throw new Error(HOW);
}

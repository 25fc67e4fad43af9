import { flushCompileCache } from "node:module";
import { lockDataDir, checkPort } from "./lock.ts";
import { serveBuilt } from "./miniflare.ts";
import { prepare } from "./prepare.ts";
import { keepSecrets, openDataDir, readSettings } from "./settings.ts";
import { welcome } from "./welcome.ts";
import { migrate } from "./wrangler.ts";

/** `npm run serve`: the production bundle on the fast local server, for load and for looking closely. */
await lockDataDir(openDataDir());
const settings = readSettings();
await checkPort(settings.port);
keepSecrets(settings);
migrate(settings);

const outDir = `${settings.dataDir}/bundle`;
await prepare(outDir);
const server = await serveBuilt({
  config: "wrangler.toml",
  port: settings.port,
  outDir,
  stateDir: settings.stateDir,
  bindings: { ...settings.secrets, ...settings.vars },
});

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // Miniflare's own listener would end the process at once, with the signal's code.
  process.removeAllListeners(signal);
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    void server.dispose().then(() => process.exit(0));
  });
}
await welcome(settings);
// It is written at the end of a process, which one that is killed does not live to see.
flushCompileCache();

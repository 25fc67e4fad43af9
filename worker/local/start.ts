import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkPort, lockDataDir } from "./lock.ts";
import { keepSecrets, openDataDir, readSettings } from "./settings.ts";
import { welcome } from "./welcome.ts";
import { migrate, wranglerDev } from "./wrangler.ts";

/** `npm start`: the development server, `wrangler dev`, which reloads what is changed. */
await lockDataDir(openDataDir());
const settings = readSettings();
await checkPort(settings.port);
keepSecrets(settings);
migrate(settings);

// A file rather than arguments: what a process was started with is everybody's to read.
const envFile = join(settings.dataDir, "dev.env");
const lines = Object.entries({ ...settings.secrets, ...settings.vars }).map(
  ([name, value]) => `${name}=${JSON.stringify(value)}`,
);
writeFileSync(envFile, `${lines.join("\n")}\n`, { mode: 0o600 });

const server = wranglerDev(
  [
    ...[
      "--port",
      String(settings.port),
      "--ip",
      "127.0.0.1",
      "--persist-to",
      settings.stateDir,
      "--env-file",
      envFile,
    ],
    ...["--show-interactive-dev-session", "false", "--log-level", "log"],
  ],
  // Its own tracing of every request costs more than the requests.
  { X_LOCAL_OBSERVABILITY: "false", X_LOCAL_EXPLORER: "false" },
);

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    stopping = true;
    server.kill(signal);
  });
server.on("exit", (code) => process.exit(stopping ? 0 : (code ?? 1)));
await welcome(settings);

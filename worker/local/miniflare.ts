import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join, relative, resolve } from "node:path";
import { ROOT, SECRETS } from "./settings.ts";
import { wrangler } from "./wrangler.ts";

/** The little that is used of it here. */
interface Runtime {
  readonly Miniflare: new (options: unknown) => {
    readonly ready: Promise<unknown>;
    dispose(): Promise<void>;
  };
  readonly Log: new (level: number) => unknown;
  readonly LogLevel: { readonly WARN: number };
  readonly convertV4MiniflareOptions: (options: unknown) => unknown;
}

/** Wrangler's own Miniflare, so that there is one runtime. */
const { Miniflare, Log, LogLevel, convertV4MiniflareOptions } = createRequire(
  createRequire(import.meta.url).resolve("wrangler"),
)("miniflare") as Runtime;

export interface Bundle {
  readonly config: string;
  /** Stands in for the config's own entry. */
  readonly script?: string;
  readonly port: number;
  /** Where the production bundle is written. */
  readonly outDir: string;
  readonly stateDir: string;
  readonly bindings: Record<string, string>;
  /** Answers what the Worker asks of the world. Left out, the world does. */
  readonly outbound?: (request: Request) => Promise<Response>;
  /** Hears every line the Worker logs. Left out, the terminal does. */
  readonly hear?: (line: string) => void;
}

/** What wrangler makes of a configuration, beside the bundle: to ask it again takes longer than the rest of a start. */
const OPTIONS_FILE = "options.json";

/** Writes the production bundle, and serves it. */
export async function serveBundle(bundle: Bundle): Promise<{ dispose(): Promise<void> }> {
  await build(bundle);
  return serveBuilt(bundle);
}

export async function build({
  config,
  script,
  outDir,
}: Pick<Bundle, "config" | "script" | "outDir">): Promise<void> {
  const configPath = resolve(ROOT, config);
  const entry = script === undefined ? [] : [resolve(ROOT, script)];
  wrangler("deploy", ...entry, "--dry-run", "--outdir", outDir, "--config", configPath, "--env", "");
  // It would warn that secrets are missing, which whoever serves gives, and which are nobody's to read from a file.
  process.env.WRANGLER_LOG ??= "error";
  const { unstable_getMiniflareWorkerOptions } = await import("wrangler");
  const { workerOptions } = unstable_getMiniflareWorkerOptions(configPath);
  const bindings = Object.entries(workerOptions.bindings as Record<string, unknown>).filter(
    ([name]) => !SECRETS.some((secret) => secret === name),
  );
  const options = JSON.stringify({ ...workerOptions, bindings: Object.fromEntries(bindings) });
  writeFileSync(join(outDir, OPTIONS_FILE), options, { mode: 0o600 });
}

/**
 * Serves a bundle that has been written by Miniflare with a direct socket: the same runtime and bindings as `wrangler dev`, without
 * the two proxies in front of it.
 */
export async function serveBuilt({
  config,
  port,
  outDir,
  stateDir,
  bindings,
  outbound,
  hear,
}: Bundle): Promise<{ dispose(): Promise<void> }> {
  const configPath = resolve(ROOT, config);
  const workerOptions = JSON.parse(readFileSync(join(outDir, OPTIONS_FILE), "utf8")) as {
    readonly bindings: Record<string, unknown>;
  };
  const main = readdirSync(outDir).find((file) => file.endsWith(".js"));
  if (!main) throw new Error(`there is no bundle in ${outDir}`);
  const contents = readFileSync(join(outDir, main), "utf8");
  const server = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      logRequests: false,
      log: new Log(LogLevel.WARN),
      ...(hear && { handleStructuredLogs: ({ message }: { message: string }) => hear(message) }),
      host: "127.0.0.1",
      port: 0,
      resourcePersistencePath: join(stateDir, "v3"),
      workers: [
        {
          ...workerOptions,
          // Wrangler's asset router would stand in front of every request; the Worker asks for files itself.
          assets: undefined,
          serviceBindings: { ASSETS: fileServer(join(dirname(configPath), "dist/public")) },
          // The name under which wrangler keeps the objects' files.
          name: "doorbuster",
          rootPath: dirname(configPath),
          modules: [{ type: "ESModule", path: main, contents }],
          bindings: { ...workerOptions.bindings, ...bindings },
          ...(outbound && { outboundService: outbound }),
          unsafeDirectSockets: [{ host: "127.0.0.1", port }],
        },
      ],
    }),
  );
  await server.ready;
  return server;
}

const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};

/** The built files by their path: all of them are known when the server starts. */
function fileServer(root: string): (request: Request) => Response {
  const files = new Map<string, { body: Uint8Array<ArrayBuffer>; type: string }>();
  for (const entry of existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : []) {
    const path = join(entry.parentPath, entry.name);
    const type = TYPES[extname(entry.name)];
    if (entry.isFile() && type)
      files.set(`/${relative(root, path)}`, { body: new Uint8Array(readFileSync(path)), type });
  }
  return (request) => {
    const file = files.get(new URL(request.url).pathname);
    return file
      ? new Response(file.body, { headers: { "content-type": file.type } })
      : new Response(null, { status: 404 });
  };
}

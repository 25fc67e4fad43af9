import { applyD1Migrations, env, reset } from "cloudflare:test";

// Files share a runtime, which takes longer to start than most of them to run; nothing that lives goes on into the next.
await reset();
await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);

import { describe, expect, test } from "vitest";
import { isPublic, wrongWithUrl } from "../../durable-objects/webhook/address.ts";
import { judge, RETRY_MS } from "../../durable-objects/webhook/machine.ts";
import { secretOf, secretsOf } from "../../durable-objects/webhook/secret.ts";

const NOW = 1_000_000;
const answered = (status: number, retryAfterMs: number | null = null) => ({ status, retryAfterMs });

describe("a delivery", () => {
  test("has ended with a 2xx, and with nothing else", () => {
    for (const status of [200, 202, 204, 299])
      expect(judge(answered(status), 1, NOW, 0)).toEqual({ kind: "delivered" });
    for (const status of [100, 301, 302, 307, 400, 401, 404, 429, 500, 503])
      expect(judge(answered(status), 1, NOW, 0)).toEqual({ kind: "again", at: NOW + 5_000 });
    expect(judge({ failure: "no answer in time" }, 1, NOW, 0)).toEqual({ kind: "again", at: NOW + 5_000 });
  });

  test("is tried for three days, ever more slowly, and then no more", () => {
    const days = RETRY_MS.reduce((sum, wait) => sum + wait, 0) / 86_400_000;
    expect(days).toBeGreaterThan(2.9);
    expect(days).toBeLessThan(3.2);
    expect(RETRY_MS.every((wait, n) => n === 0 || wait >= (RETRY_MS[n - 1] ?? 0))).toBe(true);
    expect(judge(answered(500), RETRY_MS.length, NOW, 0).kind).toBe("again");
    expect(judge(answered(500), RETRY_MS.length + 1, NOW, 0)).toEqual({ kind: "failed", gone: false });
  });

  test("comes back when its receiver asks for it, within reason, and not together with all others", () => {
    expect(judge(answered(429, 60_000), 1, NOW, 0)).toEqual({ kind: "again", at: NOW + 60_000 });
    expect(judge(answered(429, 86_400_000), 1, NOW, 0)).toEqual({ kind: "again", at: NOW + 3_600_000 });
    expect(judge(answered(500), 2, NOW, 1)).toEqual({ kind: "again", at: NOW + 330_000 });
  });

  test("to whom wants to hear nothing more is the last", () => {
    expect(judge(answered(410), 1, NOW, 0)).toEqual({ kind: "failed", gone: true });
  });
});

describe("an address", () => {
  test("on the public Internet, by name and https, may be called", () => {
    for (const url of ["https://shop.example/hooks", "https://shop.example:8443/", "https://bücher.example/"])
      expect(wrongWithUrl(url, "")).toBeNull();
  });

  test.for([
    "",
    "shop.example",
    "http://shop.example/",
    "ftp://shop.example/",
    "https://user:password@shop.example/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://localhost/",
    "https://localhost./",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://intranet/",
    `https://shop.example/${"x".repeat(2_048)}`,
  ])("is refused by its words: %s", (url) => {
    expect(wrongWithUrl(url, "")).not.toBeNull();
  });

  test("is allowed where the settings say so, to the port", () => {
    expect(wrongWithUrl("http://127.0.0.1:9000/x", "127.0.0.1:9000")).toBeNull();
    expect(wrongWithUrl("http://127.0.0.1:9001/x", "127.0.0.1:9000")).not.toBeNull();
  });

  test("leads to the public Internet, or nobody is called", () => {
    for (const ip of ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111"]) expect(isPublic(ip)).toBe(true);
    for (const ip of [
      ...["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"],
      ...["224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1"],
      ...[
        "::ffff:127.0.0.1",
        "::ffff:a00:1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:db8::1",
        "ff02::1",
        "x",
        "",
      ],
    ])
      expect(isPublic(ip), ip).toBe(false);
  });
});

describe("a secret", () => {
  const endpoint = { id: "whe_1", generation: 2, rotatedAt: NOW };

  test("follows from the deployment's, and tells nothing of another", () => {
    const all = [secretOf("m", "a", 1), secretOf("m", "a", 2), secretOf("m", "b", 1), secretOf("n", "a", 1)];
    expect(new Set(all).size).toBe(4);
    for (const secret of all) expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  });

  test("that was rotated signs beside its successor for a day", () => {
    expect(secretsOf("m", endpoint, NOW)).toEqual([secretOf("m", "whe_1", 2), secretOf("m", "whe_1", 1)]);
    expect(secretsOf("m", endpoint, NOW + 86_400_000)).toEqual([secretOf("m", "whe_1", 2)]);
    expect(secretsOf("m", { ...endpoint, generation: 1 }, NOW)).toHaveLength(1);
  });
});

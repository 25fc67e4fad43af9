import { Hono } from "hono";
import { unborn } from "../../../schema/order.ts";
import { orderToWire } from "../../../worker/api/present.ts";
import { startPeer } from "./all.ts";
import type { PeerName } from "./peer.ts";
import { holdOf } from "./request.ts";
import { serving } from "./serving.ts";

/** A peer behind Hono on Node: the same token, the same body, the same answer. Started as a process of its own. */

const [name, stock, port] = process.argv.slice(2);
const peer = await startPeer(name as PeerName);
await peer.reset(Number(stock));

const app = new Hono().post("/v1/orders", async (c) => {
  const hold = await holdOf(c);
  if (!hold) return c.json({ code: "invalid_request" }, 400);
  const answer = await peer.hold(hold);
  if (answer.code === "held" || answer.code === "replayed")
    return c.json(orderToWire(unborn(answer.placement, answer.placement.createdAt)), 201);
  return c.json({ code: answer.code }, 409);
});

serving(app, Number(port), () => peer.stop());

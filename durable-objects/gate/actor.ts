import { DurableObject } from "cloudflare:workers";
import type { GateApi, GateView, SkuApi } from "../../schema/actors.ts";
import { holdMany } from "../../schema/hold-batch.ts";
import type { SkuNumber } from "../../schema/ids.ts";
import { err } from "../../schema/result.ts";
import type { Sale } from "../../schema/sale.ts";
import type { ClaimAnswer, ClaimRequest, HoldAnswer, HoldRequest } from "../../schema/sku.ts";
import { logError } from "../log.ts";
import { assertSound } from "../sku/views.ts";
import { greet, paceOf, tell, TOLD_NOTHING, viewOf, type Push, type Told } from "./machine.ts";
import { Pool } from "./pool.ts";
import { SoldOutMemory } from "./sold-out-memory.ts";
import { StockWatch } from "./stock-watch.ts";
import { GateStore } from "./store.ts";

/** Pages one gate serves; the platform's limit is 32,768 sockets an object. */
export const SOCKETS_MAX = 30_000;
/** Pages have nothing to say: a message over this many bytes is somebody else. */
const MESSAGE_BYTES_MAX = 1_024;
/** Should the timer of a watched sale be lost with its memory, an alarm takes it up again within so long. */
const BACKSTOP_MS = 60_000;
/** A tick waits this long for slow SKUs before it shows what it knows. */
const TICK_WAIT_MS = 300;

const MESSAGE_TOO_BIG = 1009;

/**
 * Two things that stand before SKUs and decide nothing. A sale's gate asks its SKUs and shows their answers to everybody who
 * watches. A pooling gate collects a part of the buyers of one crowded SKU and asks for all of them at once.
 */
export class GateActor extends DurableObject<Env> implements GateApi {
  readonly #store: GateStore;
  readonly #stock = new StockWatch(() => this.env.SKU);
  readonly #soldOut = new SoldOutMemory();
  /** A pooling gate stands before one SKU. */
  #holds: Pool<HoldRequest, HoldAnswer> | null = null;
  #claims: Pool<ClaimRequest, ClaimAnswer> | null = null;
  #sale: Sale | null = null;
  #told: Told = TOLD_NOTHING;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #ticking = false;
  #armedFor: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new GateStore(ctx.storage);
    // Woken with pages still connected: whatever woke us, they are watching.
    if (ctx.getWebSockets().length > 0) this.#tickIn(0);
  }

  async configure(sale: Sale): Promise<Sale | null> {
    const previous = this.#current();
    this.#store.save(sale);
    this.#sale = sale;
    if (this.#watched()) this.#tickIn(0);
    return previous;
  }

  async hold(sku: SkuNumber, request: HoldRequest): Promise<HoldAnswer> {
    assertSound({ type: "hold", request });
    const soldOut = this.#soldOut.recall(sku, request.buyer, Date.now());
    if (soldOut) return err({ code: "sold_out", available: 0, ...soldOut });
    this.#holds ??= new Pool((requests) => holdMany(this.#skuOf(sku), requests));
    const answer = await this.#holds.ask(request);
    const nothingFree = !answer.ok && answer.error.code === "sold_out" && answer.error.available === 0;
    if (nothingFree) await this.#soldOut.learn(sku, Date.now(), () => this.#skuOf(sku).soldOut());
    return answer;
  }

  async claim(sku: SkuNumber, request: ClaimRequest): Promise<ClaimAnswer> {
    this.#claims ??= new Pool((requests) => this.#skuOf(sku).claimMany(requests));
    return this.#claims.ask(request);
  }

  async view(): Promise<GateView | null> {
    const sale = this.#current();
    if (!sale) return null;
    await this.#stock.refresh(sale.offers.map(({ sku }) => sku));
    return viewOf(this.#current() ?? sale, this.#stock.known, Date.now());
  }

  override async fetch(request: Request): Promise<Response> {
    const sale = this.#current();
    if (!sale) return new Response(null, { status: 404 });
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket")
      return new Response(null, { status: 426 });
    if (this.ctx.getWebSockets().length >= SOCKETS_MAX)
      return new Response(null, { status: 503, headers: { "Retry-After": "5" } });

    await this.#stock.refresh(sale.offers.map(({ sku }) => sku));
    const { 0: theirs, 1: ours } = new WebSocketPair();
    this.ctx.acceptWebSocket(ours);
    for (const push of greet(sale, this.#stock.known, Date.now())) ours.send(JSON.stringify(push));
    if (this.#timer === null) this.#tickIn(0);
    return new Response(null, { status: 101, webSocket: theirs });
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const bytes = typeof message === "string" ? message.length : message.byteLength;
    if (bytes > MESSAGE_BYTES_MAX) socket.close(MESSAGE_TOO_BIG, "pages have nothing to say");
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    socket.close();
  }

  /** The opening is near, or the timer may have been lost. */
  override async alarm(): Promise<void> {
    this.#armedFor = null;
    if (this.#watched() && this.#timer === null) this.#tickIn(0);
  }

  #skuOf(sku: SkuNumber): SkuApi {
    return this.env.SKU.getByName(sku);
  }

  #current(): Sale | null {
    return (this.#sale ??= this.#store.load());
  }

  #watched(): boolean {
    return this.ctx.getWebSockets().length > 0;
  }

  /** One timer at a time; a tick that is under way sets the next one itself. */
  #tickIn(waitMs: number): void {
    if (this.#ticking) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tick(), waitMs);
  }

  /** Looks at the stock, tells the pages what changed, and decides when to look again. Stops when nobody watches. */
  async #tick(): Promise<void> {
    this.#timer = null;
    this.#ticking = true;
    try {
      const before = this.#current();
      if (before && paceOf(before, Date.now()).awake)
        await this.#stock.refresh(
          before.offers.map(({ sku }) => sku),
          TICK_WAIT_MS,
        );
      const sale = this.#current();
      if (sale) {
        const { told, pushes } = tell(this.#told, sale, this.#stock.known, Date.now());
        this.#told = told;
        this.#push(pushes);
      }
    } catch (cause) {
      logError({ event: "gate_tick_failed" }, cause);
    } finally {
      this.#ticking = false;
    }
    await this.#next();
  }

  /** The end of every tick. An alarm, not a timer, wakes a sleeping gate, so that it may leave memory meanwhile. */
  async #next(): Promise<void> {
    const sale = this.#current();
    if (!sale || !this.#watched()) return;
    const now = Date.now();
    const pace = paceOf(sale, now);
    if (pace.awake) this.#tickIn(pace.waitMs);
    const wakeAt = pace.awake ? now + BACKSTOP_MS : pace.until;
    const armed = this.#armedFor !== null && (pace.awake ? this.#armedFor > now : this.#armedFor === wakeAt);
    if (wakeAt === null || armed) return;
    this.#armedFor = wakeAt;
    await this.ctx.storage.setAlarm(wakeAt);
  }

  #push(pushes: readonly Push[]): void {
    if (pushes.length === 0) return;
    const texts = pushes.map((push) => JSON.stringify(push));
    for (const socket of this.ctx.getWebSockets())
      try {
        for (const text of texts) socket.send(text);
      } catch {
        // It closed while we were speaking; the platform tells us separately.
      }
  }
}

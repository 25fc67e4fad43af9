import ReconnectingWebSocket from "partysocket/ws";
import { countDown, heardServerTime, localTimes } from "./clock.ts";
import { pressOnce, reload } from "./forms.ts";

/** How long the socket may be down before the page asks for itself, and how often it then asks. */
const DOWN_MS_MAX = 5_000;
const ASK_MS = 4_000;
/** The least between two sentences to a screen reader. */
const SAY_MS = 10_000;

type StockState = "in_stock" | "low" | "held_out" | "sold_out";
type Words = Record<StockState, string>;

interface Stock {
  readonly sku: string;
  readonly state: StockState;
  readonly available: number;
}

type Message =
  | ({ readonly type: "stock" } & Stock)
  | { readonly type: "sale"; readonly state: string; readonly server_time: string };

interface SaleAnswer {
  readonly state: string;
  readonly server_time: string;
  readonly skus: readonly {
    readonly sku: string;
    readonly name: string;
    readonly stock: Omit<Stock, "sku">;
  }[];
}

pressOnce();
localTimes();
const page = document.querySelector<HTMLElement>("[data-sale]");
if (page) live(page);

function live(sale: HTMLElement): void {
  const words = JSON.parse(sale.dataset["words"] ?? "{}") as Words;
  const speak = speaker();
  let heardAt = 0;

  const showState = (state: string): void => {
    if (state === sale.dataset["state"]) return;
    // The headings, the countdown and the keys of the forms belong to the state: the server writes them.
    if (sale.dataset["state"] !== "upcoming" || state !== "open") return void reload();
    sale.dataset["state"] = state;
    for (const card of sale.querySelectorAll<HTMLElement>("[data-sku]")) enable(card, state);
    for (const element of document.querySelectorAll<HTMLElement>("[data-shown-when]"))
      element.hidden = element.dataset["shownWhen"] !== state;
  };
  const showStock = ({ sku, state, available }: Stock): void => {
    const card = sale.querySelector<HTMLElement>(`[data-sku="${CSS.escape(sku)}"]`);
    const label = card?.querySelector<HTMLElement>("[data-stock]");
    if (!card || !label) return;
    const text = words[state].replace("{n}", String(available));
    if (label.textContent !== text) label.textContent = text;
    if (label.dataset["stock"] === state) return;
    label.dataset["stock"] = state;
    speak(`${card.dataset["name"] ?? ""}: ${text}`);
    enable(card, sale.dataset["state"] ?? "");
  };

  countDown((element) => {
    if (element.dataset["then"]) showState(element.dataset["then"]);
  });

  const { protocol, host } = location;
  const path = `/v1/sales/${sale.dataset["sale"] ?? ""}`;
  const socket = new ReconnectingWebSocket(
    `${protocol === "https:" ? "wss" : "ws"}://${host}${path}/live`,
    [],
    {
      maxReconnectionDelay: 30_000,
    },
  );
  socket.addEventListener("message", (event: MessageEvent) => {
    heardAt = Date.now();
    const message = JSON.parse(String(event.data)) as Message;
    if (message.type === "stock") return showStock(message);
    heardServerTime(message.server_time);
    showState(message.state);
  });

  const ask = async (): Promise<void> => {
    const open = socket.readyState === WebSocket.OPEN;
    if (document.hidden || open || Date.now() - heardAt < DOWN_MS_MAX) return;
    const response = await fetch(path, { headers: { accept: "application/json" } });
    if (!response.ok) return;
    const answer = (await response.json()) as SaleAnswer;
    heardServerTime(answer.server_time);
    for (const { sku, stock } of answer.skus) showStock({ sku, ...stock });
    showState(answer.state);
  };
  // Spread out, so that pages that lost one server together do not ask the next one together.
  setInterval(() => void ask().catch(() => undefined), ASK_MS + Math.random() * 1_000);
}

/** The server decides; the button only saves a press that cannot succeed. */
function enable(card: HTMLElement, state: string): void {
  const soldOut = card.querySelector<HTMLElement>("[data-stock]")?.dataset["stock"] === "sold_out";
  for (const control of card.querySelectorAll<HTMLButtonElement>("button[data-buy]"))
    control.disabled = state !== "open" || soldOut;
}

/** A live region that says the last thing, and never more often than somebody can listen. */
function speaker(): (text: string) => void {
  const region = document.querySelector<HTMLElement>("[data-say]");
  let saidAt = -Infinity;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  return (text) => {
    clearTimeout(waiting);
    waiting = setTimeout(
      () => {
        saidAt = Date.now();
        if (region) region.textContent = text;
      },
      Math.max(0, saidAt + SAY_MS - Date.now()),
    );
  };
}

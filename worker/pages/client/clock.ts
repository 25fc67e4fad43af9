/** The server's clock as this page knows it: the browser's own clock may be minutes off, so only differences of it count. */
let offsetMs = 0;

/** `text` is what the server said its time is, as ISO 8601. */
export function heardServerTime(text: string | undefined): void {
  const at = Date.parse(text ?? "");
  if (Number.isFinite(at)) offsetMs = at - Date.now();
}

export const serverNow = (): number => Date.now() + offsetMs;

const two = (value: number): string => String(value).padStart(2, "0");

function written(leftMs: number, dayWord: string): string {
  const seconds = Math.max(0, Math.ceil(leftMs / 1_000));
  const days = Math.floor(seconds / 86_400);
  const clock = [Math.floor((seconds % 86_400) / 3_600), Math.floor((seconds % 3_600) / 60), seconds % 60]
    .map(two)
    .join(":");
  return days > 0 ? `${days} ${dayWord} ${clock}` : clock;
}

/** Counts every `[data-until]` down. `ended` is called once for each that reaches zero while the page is open. */
export function countDown(ended: (element: HTMLElement) => void): void {
  heardServerTime(document.querySelector<HTMLElement>("[data-server-time]")?.dataset["serverTime"]);
  const over = new WeakSet<HTMLElement>();
  const tick = (): void => {
    for (const element of document.querySelectorAll<HTMLElement>("[data-until]")) {
      const leftMs = Date.parse(element.dataset["until"] ?? "") - serverNow();
      const text = written(leftMs, element.dataset["days"] ?? "d");
      if (element.textContent !== text) element.textContent = text;
      if (leftMs <= 0 && !over.has(element)) {
        over.add(element);
        ended(element);
      }
    }
  };
  tick();
  setInterval(tick, 250);
}

/** Instants that the server wrote in its own zone, in the reader's. */
export function localTimes(): void {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, {
    dateStyle: "medium",
    timeStyle: "short",
  });
  for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-local]"))
    element.textContent = format.format(new Date(element.dateTime));
}

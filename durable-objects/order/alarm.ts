/** When the alarm itself could not do its work. */
const AGAIN_MS = 30_000;

/** The one alarm of an object. */
export class Alarm {
  readonly #storage: DurableObjectStorage;
  /** What it is known to be set to, to spare a write: early is harmless. */
  #at: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get at(): number | null {
    return this.#at;
  }

  async load(): Promise<void> {
    this.#at = await this.#storage.getAlarm();
  }

  /** One that has rung is in the past: the next is set whatever it was, and it is taken off when there is no next. */
  rang(): void {
    this.#at = 0;
  }

  set(at: number): void {
    // One that is overdue may have been given up by the platform.
    if (this.#at !== null && this.#at <= at && this.#at > Date.now()) return;
    this.#at = at;
    // Part of the same commit; a failure closes the output gate, so nobody hears of what has no alarm.
    void this.#storage.setAlarm(at);
  }

  clear(): void {
    this.#at = null;
    void this.#storage.deleteAlarm();
  }

  /** The commit that set it has failed: it is what it was. */
  restore(at: number | null): void {
    this.#at = at;
  }

  async again(): Promise<void> {
    this.#at = Date.now() + AGAIN_MS;
    await this.#storage.setAlarm(this.#at);
  }
}

/** An alarm that is already due is set this far ahead, so that a mistake here can never spin. */
const ALARM_GAP_MS = 100;

/** The one alarm of an object. It may come too early: then nothing is due, and the next is set. */
export class Alarm {
  readonly #storage: DurableObjectStorage;
  #at: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Finds out what an earlier life of the object has set. */
  async recall(): Promise<void> {
    this.#at = await this.#storage.getAlarm();
  }

  rang(): void {
    this.#at = null;
  }

  /** Moving it later is not worth a write. */
  async set(wakeAt: number | null): Promise<void> {
    if (wakeAt === null) return;
    const at = Math.max(wakeAt, Date.now() + ALARM_GAP_MS);
    if (this.#at !== null && this.#at <= at) return;
    this.#at = at;
    try {
      await this.#storage.setAlarm(at);
    } catch (cause) {
      this.#at = null;
      throw cause;
    }
  }
}

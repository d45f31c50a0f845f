/** Numbered lines for the standard input of a publisher, given when the test says so. */

/** Lines `1`, `2`, `3` …, filled up with dots. */
export class Lines {
  readonly stream: ReadableStream<Uint8Array>;
  /** What was given so far. */
  readonly given: string[] = [];
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor() {
    this.stream = new ReadableStream({ start: (controller) => void (this.#controller = controller) });
  }

  /** Give so many more, each at least so many characters long. */
  add(count: number, width = 0): void {
    const lines = Array.from(
      { length: count },
      (_, i) => String(this.given.length + i + 1).padEnd(width, "."),
    );
    for (const line of lines) this.given.push(line);
    this.#controller.enqueue(new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
  }

  /** There are no more. */
  end(): void {
    this.#controller.close();
  }
}

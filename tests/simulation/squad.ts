/** Runs seeds in several threads, each with a world of its own. */
import type { Plan } from "./plan.ts";
import type { Outcome } from "./run_plan.ts";

/** What is to be run. */
export interface Task {
  readonly seed: number;
  /** Chosen by the seed when it is not given. */
  readonly scenario: string | undefined;
  /** A plan that was kept, in the place of the seed's. */
  readonly plan?: Plan;
}

/** How it went. */
export interface Verdict extends Omit<Outcome, "plan" | "story"> {
  readonly seed: number;
  readonly scenario: string;
  readonly plan?: Plan | undefined;
}

/** Threads that run tasks. */
export class Squad {
  readonly #jobs: number;
  /** The verdict that came last. */
  last: Verdict | undefined;

  constructor(jobs: number) {
    this.#jobs = jobs;
  }

  /** Works the tasks off; each verdict is told as it comes. */
  async work(tasks: Iterable<Task>, told: (verdict: Verdict) => void): Promise<void> {
    const queue = tasks[Symbol.iterator]();
    await Promise.all(Array.from({ length: this.#jobs }, async () => {
      const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
      try {
        for (let next = queue.next(); !next.done; next = queue.next()) {
          const verdict = await ask(worker, next.value);
          this.last = verdict;
          told(verdict);
        }
      } finally {
        worker.terminate();
      }
    }));
  }
}

function ask(worker: Worker, task: Task): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data as Verdict);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`seed ${task.seed}: ${event.message}`));
    };
    worker.postMessage(task);
  });
}

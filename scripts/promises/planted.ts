/**
 * Promises that nobody waits for, one of each kind: the check has to find every line that says so, and no other one.
 * Nothing runs this.
 */
import { access } from "node:fs/promises";
import type { Command } from "commander";
import type { Publisher } from "../../lib/mod.ts";

async function own(): Promise<void> {
  await Promise.resolve();
}

export async function planted(publisher: Publisher, program: Command, signal: AbortSignal): Promise<void> {
  own(); // floats
  own().then(() => {}); // floats
  Promise.all([own()]); // floats
  (async () => await own())(); // floats
  Deno.remove("x"); // floats
  new Deno.Command("x").output(); // floats
  access("x"); // floats
  fetch("x"); // floats
  program.parseAsync(); // floats
  publisher.close(); // floats
  publisher.publish("x", "y"); // floats
  signal.addEventListener("abort", async () => await own()); // floats
  setTimeout(() => publisher.close(), 0); // floats

  await own();
  void own();
  own().catch(() => {});
  publisher.tryPublish("x", "y");
}

/**
 * Frees memory that nobody holds any more, now: what collectors have to notice by themselves may be tens of megabytes
 * by then. Every view of it is empty from now on. Pure.
 */
export function freeMemory(memory: ArrayBuffer): void {
  memory.transfer(0);
}

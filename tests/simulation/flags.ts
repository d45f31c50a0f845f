/** Values of flags. */
import { InvalidArgumentError } from "commander";

/** Reads a whole number between these two. */
export function whole(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`must be ${low} to ${high}.`);
  };
}
